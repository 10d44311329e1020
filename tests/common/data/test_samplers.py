from __future__ import annotations

import ignite.distributed as idist
import pytest
import torch

from common.data.samplers import CandidateBatchSampler
from common.errors import InputError


def epoch(sampler: CandidateBatchSampler, number: int, start: int = 0) -> list[list[int]]:
    sampler.set_epoch(number, start)
    return list(sampler)


def test_a_plain_epoch_sees_every_sample_and_fills_up_the_last_batch():
    batches = epoch(CandidateBatchSampler(20, 6), 1)
    assert [len(batch) for batch in batches] == [6, 6, 6, 6]
    assert {index for batch in batches for index in batch} == set(range(20))
    assert all(len(set(batch)) == 6 for batch in batches)


def test_epochs_differ_and_repeat_by_seed():
    one, other = CandidateBatchSampler(20, 6, seed=1), CandidateBatchSampler(20, 6, seed=2)
    assert epoch(one, 1) != epoch(one, 2)
    assert epoch(one, 1) == epoch(CandidateBatchSampler(20, 6, seed=1), 1)
    assert epoch(one, 1) != epoch(other, 1)


def test_after_the_warm_up_candidates_come_in_as_many_steps_as_before():
    sampler = CandidateBatchSampler(40, 6, num_candidates=30, warmup_epochs=1)
    assert [len(batch) for batch in epoch(sampler, 1)] == [6] * 7
    batches = epoch(sampler, 2)
    assert [len(batch) for batch in batches] == [30] * 7
    assert all(len(set(batch)) == 30 for batch in batches)


def test_a_chooser_gets_the_candidates_and_only_its_choice_is_loaded():
    seen = []

    def select(candidates):
        seen.append(candidates)
        return torch.tensor([3, 1])

    batches = epoch(CandidateBatchSampler(12, 2, num_candidates=6, select=select), 2)
    assert batches == [[int(c[3]), int(c[1])] for c in seen] and len(batches) == 6


@pytest.mark.parametrize("number", [1, 2])
def test_an_epoch_goes_on_from_its_middle(number):
    sampler = CandidateBatchSampler(40, 6, num_candidates=18)
    whole = epoch(sampler, number)
    assert epoch(sampler, number, start=4) == whole[4:]
    assert epoch(sampler, number) == whole


@pytest.mark.parametrize("number", [1, 2])
def test_processes_share_out_the_batch_of_one(number, monkeypatch):
    whole = epoch(CandidateBatchSampler(40, 6, num_candidates=18), number)
    monkeypatch.setattr(idist, "get_world_size", lambda: 2)
    parts = []
    for rank in range(2):
        monkeypatch.setattr(idist, "get_rank", lambda rank=rank: rank)
        parts.append(epoch(CandidateBatchSampler(40, 6, num_candidates=18), number))
    joined = [[index for pair in zip(a, b, strict=True) for index in pair] for a, b in zip(*parts, strict=True)]
    assert joined == whole


def test_the_global_generator_is_left_alone():
    torch.manual_seed(3)
    before = torch.get_rng_state()
    epoch(CandidateBatchSampler(20, 6), 1)
    assert torch.equal(torch.get_rng_state(), before)


def test_a_cohort_smaller_than_the_candidates_is_one_line():
    with pytest.raises(InputError, match="num_candidates: 30 for a cohort of 20"):
        CandidateBatchSampler(20, 6, num_candidates=30)


def test_a_batch_that_does_not_divide_among_processes_is_one_line(monkeypatch):
    monkeypatch.setattr(idist, "get_world_size", lambda: 4)
    with pytest.raises(InputError, match="batch_size: 6 does not divide among 4 processes"):
        CandidateBatchSampler(20, 6)
