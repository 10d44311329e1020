from __future__ import annotations

import pytest
import torch
from ignite.engine import Events
from monai.engines import SupervisedTrainer
from monai.inferers import SimpleInferer
from torch import nn

from common.benchmark import BareSteps, ForwardPasses, TrainerSteps


class Counting(SimpleInferer):
    """A network that records the number of rows and the mode of each call."""

    def __init__(self) -> None:
        super().__init__()
        self.calls: list[tuple[int, bool, bool]] = []

    def __call__(self, inputs, network, *args, **kwargs):
        self.calls.append((len(inputs), network.training, torch.is_grad_enabled()))
        return super().__call__(inputs, network, *args, **kwargs)


def make_trainer(max_epochs: int = 100) -> SupervisedTrainer:
    torch.manual_seed(0)
    data = [{"image": torch.rand(2, 3), "label": torch.rand(2, 1)} for _ in range(4)]
    network = nn.Linear(3, 1)
    optimizer = torch.optim.Adam(network.parameters(), lr=0.1)
    return SupervisedTrainer(
        torch.device("cpu"), max_epochs, data, network, optimizer, nn.MSELoss(), inferer=Counting(), decollate=False
    )


def no_time() -> float:
    return 0.0


def test_a_run_in_pieces_does_exactly_the_steps_asked_for_and_ends_with_the_weights_of_a_run_in_one_piece():
    whole, pieces = make_trainer(max_epochs=3), make_trainer()
    events = []
    pieces.add_event_handler(Events.EPOCH_COMPLETED, lambda engine: events.append(engine.state.iteration))
    whole.run()
    steps = TrainerSteps(pieces, no_time)
    for num_steps in (1, 3, 5, 3):
        steps(num_steps)
    assert pieces.state.iteration == 12
    assert events == [4, 8]  # the third epoch's end comes with the next step
    assert all(torch.equal(a, b) for a, b in zip(whole.network.parameters(), pieces.network.parameters(), strict=True))
    steps.finish()
    assert events == [4, 8, 12]


def test_a_run_that_is_over_too_early_is_an_error():
    with pytest.raises(RuntimeError, match="ended 2 steps early"):
        TrainerSteps(make_trainer(max_epochs=1), no_time)(6)


def test_bare_steps_are_those_of_the_trainer_and_leave_it_alone():
    trainer = make_trainer()
    steps = TrainerSteps(trainer, no_time)
    inputs, targets = steps.step_and_keep()
    before = [parameter.clone() for parameter in trainer.network.parameters()]
    bare = BareSteps(trainer, inputs, targets)
    bare(3)
    assert all(torch.equal(a, b) for a, b in zip(before, trainer.network.parameters(), strict=True))
    for _ in range(3):  # by hand
        trainer.optimizer.zero_grad()
        nn.functional.mse_loss(trainer.network(inputs), targets).backward()
        trainer.optimizer.step()
    assert all(torch.equal(a, b) for a, b in zip(bare.network.parameters(), trainer.network.parameters(), strict=True))
    steps.finish()


def test_forward_passes_cover_all_candidates_in_evaluation_mode_without_gradient():
    inferer = Counting()
    ForwardPasses(nn.Linear(3, 1), inferer, torch.rand(6, 3), num_samples=15)(2)
    assert inferer.calls == [(6, False, False), (6, False, False), (3, False, False)] * 2
