from __future__ import annotations

import pytest
import torch
from ignite.engine import Engine
from monai.engines import SupervisedTrainer
from torch import nn
from torch.nn.functional import normalize
from torch.nn.parallel import DistributedDataParallel

from common.engines import PrepareClips
from common.handlers import KeyQueue, KeyQueueHandler, MomentumUpdate
from common.losses import LongShortLoss
from common.networks import LongShortNetwork, MomentumContrastOutput, key_views
from tests.two_processes import run_two_processes

SUBJECTS = torch.tensor([0, 1, 2, 0, 3, 4])


def network() -> LongShortNetwork:
    torch.manual_seed(0)
    return LongShortNetwork(nn.Sequential(nn.Flatten(), nn.Linear(8, 5), nn.Tanh()), nn.Linear(5, 5)).double()


def batches(steps: int, rank: int = 0, world: int = 1) -> list[dict[str, torch.Tensor]]:
    generator = torch.Generator().manual_seed(1)
    found = []
    for number in range(steps):
        views = ("axial", "coronal", "sagittal", "short")
        rows = {view: torch.randn(6, 1, 2, 2, 2, generator=generator) for view in views}
        rows["subject_index"] = SUBJECTS.roll(number)
        found.append({name: value[rank::world] for name, value in rows.items()})
    return found


def train(net: LongShortNetwork, data: list, wrap=lambda net: net) -> tuple[list[float], KeyQueue]:
    queue, wrapped, losses = KeyQueue(key_views(), 7, 5).double(), wrap(net), []
    trainer = SupervisedTrainer(
        device=torch.device("cpu"),
        max_epochs=1,
        train_data_loader=data,
        network=wrapped,
        optimizer=torch.optim.SGD([p for p in net.parameters() if p.requires_grad], lr=0.05),
        loss_function=LongShortLoss(queue, temperature=0.5),
        prepare_batch=lambda *args, **kwargs: _double(PrepareClips()(*args, **kwargs)),
        train_handlers=[KeyQueueHandler(queue), MomentumUpdate(net.encoder, net.target, 0.9, "constant")],
        decollate=False,
    )
    trainer.add_event_handler("ITERATION_COMPLETED", lambda engine: losses.append(engine.state.output["loss"].item()))
    trainer.run()
    return losses, queue


def _double(prepared):
    clips, subjects = prepared
    return {view: clip.double() for view, clip in clips.items()}, subjects


def test_training_equals_a_loop_from_the_formulas():
    """Encoder, target, queues and masks, in plain Python and autograd."""
    net = network()
    reference = network()
    losses, queue = train(net, batches(4))
    online, target = reference.encoder, reference.target
    held: dict[str, list] = {view: [] for view in key_views()}  # (key, subject), the oldest first, at most 7
    for number, data in enumerate(batches(4)):
        clips = {view: clip.double() for view, clip in data.items() if view != "subject_index"}
        q = {v: normalize(reference.predictor(online(clips[v])), dim=1) for v in ("axial", "coronal", "short")}
        with torch.no_grad():
            k = {v: normalize(target(clips[v]), dim=1) for v in ("axial", "coronal", "sagittal")}
        own, loss = data["subject_index"].tolist(), 0.0
        pairs = (("axial", "coronal"), ("axial", "sagittal"), ("coronal", "sagittal"), ("short", "axial"))
        for a, b in pairs:
            for i in range(6):
                positive = (q[a][i] @ k[b][i] / 0.5).exp()
                others = [(q[a][i] @ key / 0.5).exp() for key, subject in held[b] if subject != own[i]]
                loss = loss - torch.log(positive / (positive + sum(others))) / 6
        assert losses[number] == pytest.approx(loss.item(), abs=1e-9)
        trained = [*online.parameters(), *reference.predictor.parameters()]
        gradients = torch.autograd.grad(loss, trained)
        with torch.no_grad():
            for parameter, gradient in zip(trained, gradients, strict=True):
                parameter -= 0.05 * gradient
            for old, new in zip(target.parameters(), online.parameters(), strict=True):
                old.copy_(0.9 * old + 0.1 * new)
        for view in held:
            held[view] = [*held[view], *zip(k[view], own, strict=True)][-7:]
    assert losses[0] == 0 and min(losses[1:]) > 0
    for (name, found), expected in zip(net.named_parameters(), reference.parameters(), strict=True):
        torch.testing.assert_close(found, expected, msg=name)
    assert sorted(queue.subjects.tolist()) == sorted(subject for _, subject in held["axial"])


def test_the_handler_acts_after_the_loss_at_each_iteration_s_end():
    queue, seen = KeyQueue(["image"], 4, 2), []

    def step(engine, data):
        seen.append(int(queue.allowed().sum()))
        return {"pred": MomentumContrastOutput(torch.ones(2, 2), torch.ones(2, 2)), "label": torch.tensor([0, 1])}

    engine = Engine(step)
    KeyQueueHandler(queue).attach(engine)
    engine.run(range(3))
    assert seen == [0, 2, 4]


def process(rank: int, folder: str) -> None:
    net = network()
    losses, queue = train(net, batches(4, rank, 2), wrap=DistributedDataParallel)
    torch.save({"losses": losses, "queue": queue.state_dict(), "network": net.state_dict()}, f"{folder}/{rank}.pt")


@pytest.mark.slow
def test_two_processes_enqueue_all_keys_and_train_as_one_does_with_the_joined_batch(tmp_path):
    run_two_processes(process, tmp_path)
    net = network()
    losses, queue = train(net, batches(4))
    parts = [torch.load(tmp_path / f"{rank}.pt", weights_only=True) for rank in range(2)]
    means = [(a + b) / 2 for a, b in zip(parts[0]["losses"], parts[1]["losses"], strict=True)]
    assert means == pytest.approx(losses, abs=1e-9)
    for part in parts:
        for name, value in queue.state_dict().items():
            torch.testing.assert_close(part["queue"][name], value, msg=name)
        for name, value in net.state_dict().items():
            torch.testing.assert_close(part["network"][name], value, msg=name)
