from __future__ import annotations

import pytest
import torch
import torch.distributed as dist
from ignite.engine import Events

from common.errors import InputError
from tests.common.handlers.hybrid_run import NUM_SAMPLES, HybridRun, StopError, cohort
from tests.two_processes import run_two_processes

NEGATIVES = [None, 5]


def state(run: HybridRun) -> dict[str, torch.Tensor]:
    return {name: value.clone() for part in (run.network, run.bank) for name, value in part.state_dict().items()}


def test_before_the_first_step_every_row_is_the_clean_sample_s_vector(tmp_path):
    run, seen = HybridRun(tmp_path), []
    run.trainer.add_event_handler(Events.EPOCH_STARTED(once=1), lambda _: seen.append(state(run)))
    expected = state(run)
    image = torch.stack([row["image"] for row in cohort()]).double()
    radiomics = torch.stack([row["radiomics"] for row in cohort()]).double()
    with torch.no_grad():
        d, r = run.network(image, radiomics)
    run.go()
    torch.testing.assert_close(seen[0]["image"], d)
    torch.testing.assert_close(seen[0]["radiomics"], r)
    assert all(torch.equal(seen[0][name], expected[name]) for name in run.network.state_dict())


def test_the_pass_is_in_evaluation_mode_without_gradient_and_leaves_the_mode_as_it_was(tmp_path):
    run, modes = HybridRun(tmp_path), []
    run.network.register_forward_hook(lambda net, *_: modes.append((net.training, torch.is_grad_enabled())))
    run.network.train()
    run.trainer.add_event_handler(Events.EPOCH_STARTED(once=1), lambda _: modes.append(run.network.training))
    run.go()
    assert modes[:6] == [(False, False)] * 5 + [True] and modes[6] == (True, True)


def test_a_step_moves_its_own_rows_after_its_loss(tmp_path):
    run, before = HybridRun(tmp_path), {}

    def check(engine):
        index, output = engine.state.batch["index"], engine.state.output["pred"]
        others = torch.ones(NUM_SAMPLES, dtype=torch.bool)
        others[index] = False
        mixed = (before["image"][index] + output.image.detach()) / 2
        torch.testing.assert_close(run.bank.image[index], mixed / mixed.norm(dim=1, keepdim=True))
        assert torch.equal(run.bank.image[others], before["image"][others])
        logits = (
            output.image.detach() @ before["radiomics"].T / 0.2,
            output.radiomics.detach() @ before["image"].T / 0.2,
        )
        expected = sum(torch.nn.functional.cross_entropy(scores, index) for scores in logits)
        assert engine.state.output["loss"].item() == pytest.approx(expected.item())

    run.trainer.add_event_handler(Events.ITERATION_STARTED, lambda _: before.update(state(run)))
    run.trainer.add_event_handler(Events.ITERATION_COMPLETED, check)
    run.go()
    assert len(run.losses) == 9 and run.losses[-1] < run.losses[0]


@pytest.mark.parametrize("negatives", NEGATIVES)
@pytest.mark.parametrize("stop_at", [2, 4, 8])
def test_a_stopped_run_goes_on_with_both_banks_bit_for_bit(negatives, stop_at, tmp_path):
    whole = HybridRun(tmp_path / "whole", negatives).go()
    with pytest.raises(StopError):
        HybridRun(tmp_path / "stopped", negatives, stop_at=stop_at).go()
    again = HybridRun(tmp_path / "stopped", negatives)
    again.filler.data_loader = None  # no second pass
    again.go()
    assert again.losses == whole.losses[stop_at - 1 :]
    expected, found = state(whole), state(again)
    assert all(torch.equal(value, expected[name]) or value.isnan().all() for name, value in found.items())


def test_a_pass_that_misses_samples_is_one_line(tmp_path):
    with pytest.raises(InputError, match="data_loader: 2 of the memory bank's 9 samples are not in it") as error:
        HybridRun(tmp_path, fill_from=cohort()[:7]).go()
    assert "\n" not in str(error.value)


def test_a_sample_beyond_the_bank_is_one_line(tmp_path):
    rows = cohort()
    rows[4]["index"] = torch.tensor(9)
    with pytest.raises(InputError, match="a memory bank of 9 samples and a sample of index 9"):
        HybridRun(tmp_path, fill_from=rows).go()


def process(rank: int, folder: str) -> None:
    for negatives in NEGATIVES:
        run = HybridRun(f"{folder}/two{negatives}", negatives, torch.nn.parallel.DistributedDataParallel).go()
        losses = torch.tensor(run.losses, dtype=torch.float64)
        dist.all_reduce(losses)
        torch.save(state(run) | {"losses": losses / 2}, f"{folder}/{negatives}_{rank}.pt")


@pytest.mark.slow
def test_two_processes_have_the_banks_losses_and_weights_of_one(tmp_path):
    run_two_processes(process, tmp_path)
    for negatives in NEGATIVES:
        one = HybridRun(tmp_path / f"one{negatives}", negatives).go()
        expected = state(one) | {"losses": torch.tensor(one.losses, dtype=torch.float64)}
        parts = [torch.load(tmp_path / f"{negatives}_{rank}.pt", weights_only=True) for rank in range(2)]
        assert parts[0].keys() == expected.keys()
        for name, value in expected.items():
            assert torch.equal(parts[0][name], parts[1][name]) or value.isnan().all(), name
            torch.testing.assert_close(parts[0][name], value, rtol=1e-9, atol=1e-12, equal_nan=True, msg=name)
