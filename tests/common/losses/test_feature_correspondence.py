from __future__ import annotations

import math

import pytest
import torch
from torch.nn.functional import normalize

from common.errors import InputError
from common.handlers import MemoryBank
from common.losses import FeatureCorrespondenceLoss
from common.networks import HybridOutput
from common.transforms.draw import rand_rows

NUM_SAMPLES, FEATURES = 11, 5
INDEX = torch.tensor([4, 0, 9])


def vectors(count: int, seed: int, dtype: torch.dtype = torch.float64) -> torch.Tensor:
    return normalize(torch.randn(count, FEATURES, dtype=dtype, generator=torch.Generator().manual_seed(seed)))


def filled_bank(dtype: torch.dtype = torch.float64) -> MemoryBank:
    bank = MemoryBank(NUM_SAMPLES, FEATURES).to(dtype)
    bank.move(torch.arange(NUM_SAMPLES), (vectors(NUM_SAMPLES, 1), vectors(NUM_SAMPLES, 2)))
    return bank


def batch(dtype: torch.dtype = torch.float64) -> HybridOutput:
    return HybridOutput(*(vectors(len(INDEX), seed, dtype).requires_grad_() for seed in (3, 4)))


def dot(a: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
    return sum(x * y for x, y in zip(a, b, strict=True))


def naive_info_nce(output: HybridOutput, bank: MemoryBank, temperature: float) -> torch.Tensor:
    """Zhao and Yang 2021, Eq. 1 and 2, term by term, with temperature and the positive in the sum."""
    total = 0
    for anchors, rows in ((output.image, bank.radiomics), (output.radiomics, bank.image)):
        for anchor, i in zip(anchors, INDEX.tolist(), strict=True):
            terms = [(dot(anchor, row) / temperature).exp() for row in rows]
            total = total - (terms[i] / sum(terms)).log()
    return total / len(INDEX)


def naive_nce(output: HybridOutput, bank: MemoryBank, temperature: float, drawn: list[list[int]]) -> torch.Tensor:
    """CMC's ``NCEAverage`` and ``NCECriterion``, term by term, Z from this batch."""
    num_negatives, total = len(drawn[0]), 0
    noise = num_negatives / NUM_SAMPLES
    for anchors, rows in ((output.image, bank.radiomics), (output.radiomics, bank.image)):
        terms = [
            [(dot(anchor, rows[j]) / temperature).exp() for j in [i, *negatives]]
            for anchor, i, negatives in zip(anchors, INDEX.tolist(), drawn, strict=True)
        ]
        z = NUM_SAMPLES * sum(term.item() for row in terms for term in row) / (len(INDEX) * (1 + num_negatives))
        for positive, *negatives in terms:
            total = total - (positive / z / (positive / z + noise)).log()
            total = total - sum((noise / (negative / z + noise)).log() for negative in negatives)
    return total / len(INDEX)


def gradients(loss: torch.Tensor, output: HybridOutput) -> tuple[torch.Tensor, ...]:
    return torch.autograd.grad(loss, list(output))


@pytest.mark.parametrize("temperature", [0.07, 0.5])
def test_value_and_gradient_are_those_of_the_paper_s_equations(temperature):
    output, bank = batch(), filled_bank()
    found, expected = (
        FeatureCorrespondenceLoss(bank, temperature)(output, INDEX),
        naive_info_nce(output, bank, temperature),
    )
    torch.testing.assert_close(found, expected)
    for ours, naive in zip(gradients(found, output), gradients(expected, output), strict=True):
        torch.testing.assert_close(ours, naive)


@pytest.mark.parametrize("negatives", [1, 6, 40])
def test_value_and_gradient_of_sampled_nce_are_cmc_s(negatives):
    output, bank = batch(), filled_bank()
    torch.manual_seed(5)
    drawn = (rand_rows(len(INDEX), negatives) * NUM_SAMPLES).long().tolist()
    torch.manual_seed(5)
    found = FeatureCorrespondenceLoss(bank, 0.2, negatives)(output, INDEX)
    expected = naive_nce(output, bank, 0.2, drawn)
    torch.testing.assert_close(found, expected)
    for ours, naive in zip(gradients(found, output), gradients(expected, output), strict=True):
        torch.testing.assert_close(ours, naive)


def test_z_is_that_of_the_first_batch_and_stays_in_the_bank():
    bank, loss = filled_bank(), None
    assert bank.log_normalizers.isnan().all()
    loss = FeatureCorrespondenceLoss(bank, 0.2, 6)
    loss(batch(), INDEX)
    first = bank.log_normalizers.clone()
    loss(HybridOutput(vectors(3, 7), vectors(3, 8)), INDEX)
    assert first.isfinite().all() and torch.equal(bank.log_normalizers, first)
    assert torch.equal(bank.state_dict()["log_normalizers"], first)


def test_rows_of_the_bank_get_no_gradient_and_do_not_move_by_the_loss():
    bank, before = filled_bank(), filled_bank().state_dict()
    loss = FeatureCorrespondenceLoss(bank)(batch(), INDEX)
    loss.backward()
    assert not list(bank.parameters())
    assert torch.equal(bank.image, before["image"]) and torch.equal(bank.radiomics, before["radiomics"])


def test_the_perfect_match_of_far_apart_samples_is_nearly_0_and_chance_is_twice_log_n():
    bank = MemoryBank(4, 4)
    bank.move(torch.arange(4), (torch.eye(4), torch.eye(4)))
    matched = HybridOutput(torch.eye(4), torch.eye(4))
    assert FeatureCorrespondenceLoss(bank)(matched, torch.arange(4)) < 1e-4
    equal = torch.full((4, 4), 0.5)
    bank.move(torch.arange(4), (equal, equal))
    chance = FeatureCorrespondenceLoss(bank)(HybridOutput(equal, equal), torch.arange(4))
    assert chance.item() == pytest.approx(2 * math.log(4), abs=1e-5)


def test_autocast_leaves_it_in_single_precision():
    bank, output = filled_bank(torch.float32), batch(torch.float32)
    loss = FeatureCorrespondenceLoss(bank)
    with torch.autocast("cpu", torch.bfloat16):
        found = loss(output, INDEX)
    assert found.dtype == torch.float32 and torch.equal(found, loss(output, INDEX))
    low = HybridOutput(*(view.bfloat16() for view in output))
    assert loss(low, INDEX).dtype == torch.float32


def test_it_is_finite_at_low_temperatures_in_single_precision():
    output = HybridOutput(*(vectors(3, seed, torch.float32) for seed in (3, 4)))
    for negatives in (None, 6):
        assert FeatureCorrespondenceLoss(filled_bank(torch.float32), 0.005, negatives)(output, INDEX).isfinite()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"temperature": 0}, "temperature: 0; expected a number above 0"),
        ({"temperature": float("nan")}, "temperature: nan; expected a number above 0"),
        ({"negatives": 0}, "negatives: 0; expected at least 1, or null for the whole bank"),
    ],
)
def test_bad_arguments_are_one_line(arguments, message):
    with pytest.raises(InputError, match=message):
        FeatureCorrespondenceLoss(filled_bank(), **arguments)
