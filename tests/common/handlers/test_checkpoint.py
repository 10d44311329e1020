from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest
import torch
from ignite.engine import Engine, Events
from torch import nn

from common.data import CandidateBatchSampler
from common.errors import InputError
from common.handlers import ResumableCheckpoint, save_with_checkpoint


class StopError(Exception):
    """A kill, as far as a process can do it to itself."""


class Run:
    """A small training run with randomness in its step, on the handler's real loader and checkpoint."""

    def __init__(
        self, folder: Path, width: int = 3, num_samples: int = 8, stop_at: int | None = None, **kwargs
    ) -> None:
        torch.manual_seed(0)
        self.network = nn.Sequential(nn.Linear(2, width), nn.BatchNorm1d(width), nn.Linear(width, 1))
        optimizer = torch.optim.Adam(self.network.parameters(), lr=0.1)
        sampler = CandidateBatchSampler(num_samples, 2)
        generator = torch.Generator().manual_seed(0)
        samples = torch.rand(num_samples, 2).tolist()
        self.data = torch.utils.data.DataLoader(samples, batch_sampler=sampler, generator=generator)
        self.seen: list = []

        def step(engine, batch):
            if engine.state.iteration == stop_at:
                raise StopError
            x = torch.stack(batch, dim=1).float()
            self.seen.append(x)
            optimizer.zero_grad()
            self.network(x + torch.randn_like(x)).square().mean().backward()
            optimizer.step()

        self.engine = Engine(step)
        self.handler = ResumableCheckpoint(
            folder, {"network": self.network, "optimizer": optimizer}, sampler, generator, **{"interval": 1, **kwargs}
        )
        self.handler.attach(self.engine)

    def go(self, epochs: int = 3) -> Run:
        self.engine.run(self.data, max_epochs=epochs, epoch_length=len(self.data))
        return self


def weights(run: Run) -> list[torch.Tensor]:
    return [value.clone() for value in run.network.state_dict().values()]


@pytest.mark.parametrize("stop_at", [2, 4, 5, 7, 12])
def test_a_stopped_run_goes_on_bit_for_bit(tmp_path, stop_at):
    whole = Run(tmp_path / "whole").go()
    with pytest.raises(StopError):
        Run(tmp_path / "stopped", stop_at=stop_at).go()
    again = Run(tmp_path / "stopped").go()
    assert all(torch.equal(a, b) for a, b in zip(weights(whole), weights(again), strict=True))
    assert all(torch.equal(a, b) for a, b in zip(whole.seen[stop_at - 1 :], again.seen, strict=True))


def test_without_an_interval_it_goes_on_from_the_last_epoch(tmp_path):
    whole = Run(tmp_path / "whole", interval=None).go()
    with pytest.raises(StopError):
        Run(tmp_path / "stopped", stop_at=7, interval=None).go()
    again = Run(tmp_path / "stopped", interval=None).go()
    assert len(again.seen) == 8  # epochs two and three
    assert all(torch.equal(a, b) for a, b in zip(weights(whole), weights(again), strict=True))


def test_a_finished_run_does_nothing_more(tmp_path):
    first = Run(tmp_path).go()
    again = Run(tmp_path).go()
    assert not again.seen
    assert all(torch.equal(a, b) for a, b in zip(weights(first), weights(again), strict=True))


def test_more_epochs_go_on_where_it_ended(tmp_path):
    whole = Run(tmp_path / "whole").go(epochs=5)
    Run(tmp_path / "longer").go(epochs=3)
    again = Run(tmp_path / "longer").go(epochs=5)
    assert all(torch.equal(a, b) for a, b in zip(weights(whole), weights(again), strict=True))


def test_what_a_killed_run_was_writing_is_removed_by_the_next_one(tmp_path, monkeypatch):
    Run(tmp_path).go(epochs=1)
    with monkeypatch.context() as changed:
        changed.setattr(Path, "unlink", lambda *_, **__: None)  # neither temporary files nor the lock are removed
        changed.setattr(os, "replace", lambda *_: (_ for _ in ()).throw(StopError()))
        with pytest.raises(StopError):
            Run(tmp_path).go(epochs=2)
    (tmp_path / ".0123456789ab-notes").touch()
    assert [*tmp_path.glob(".*.checkpoint.pt")]
    Run(tmp_path).go(epochs=2)
    assert sorted(path.name for path in tmp_path.iterdir()) == [".0123456789ab-notes", "checkpoint.pt", "model.pt"]


@pytest.mark.parametrize(("name", "refused"), [("collapse", False), ("bank", True)])
def test_a_run_that_was_not_watched_goes_on_watched_while_other_states_must_be_there(name, refused, tmp_path):
    class Handler:
        def state_dict(self):
            return {}

        def load_state_dict(self, state):
            self.loaded = state

    before = {"watch_collapse": False, "loss#_target_": "torch.nn.MSELoss"}
    Run(tmp_path, identity=before).go(epochs=2)
    now = {"watch_collapse": True, "loss#_target_": "common.losses.RestorationLoss"}
    again, handler = Run(tmp_path, identity=now), Handler()
    save_with_checkpoint(again.engine, name, handler)
    if refused:
        with pytest.raises(InputError, match="bank does not fit this run"):
            again.go(epochs=3)
    else:
        assert len(again.go(epochs=3).seen) == 4 and handler.loaded == {}


def test_resume_can_be_refused(tmp_path):
    Run(tmp_path).go()
    assert len(Run(tmp_path, resume=False).go().seen) == 12


def test_the_model_is_a_plain_state_dict(tmp_path):
    run = Run(tmp_path).go()
    state = torch.load(tmp_path / "model.pt", weights_only=True)
    assert state.keys() == run.network.state_dict().keys()


def test_a_kill_while_writing_leaves_the_whole_checkpoint_before(tmp_path, monkeypatch):
    Run(tmp_path).go(epochs=1)
    before = (tmp_path / "checkpoint.pt").read_bytes()
    monkeypatch.setattr(os, "replace", lambda *_: (_ for _ in ()).throw(StopError()))
    with pytest.raises(StopError):
        Run(tmp_path).go(epochs=2)
    assert (tmp_path / "checkpoint.pt").read_bytes() == before


def test_what_other_handlers_add_at_an_epoch_s_end_is_saved_with_it(tmp_path):
    class Counter:
        epochs = 0

        def attach(self, engine):
            save_with_checkpoint(engine, "counter", self)
            engine.add_event_handler(Events.EPOCH_COMPLETED, self.count)

        def count(self, engine):
            self.epochs += 1

        def state_dict(self):
            return {"epochs": self.epochs}

        def load_state_dict(self, state):
            self.epochs = state["epochs"]

    run, counter = Run(tmp_path), Counter()
    counter.attach(run.engine)  # after the checkpoint, as in the configs
    run.go(epochs=2)
    assert torch.load(tmp_path / "checkpoint.pt", weights_only=True)["counter"] == {"epochs": 2}
    again, resumed = Run(tmp_path), Counter()
    resumed.attach(again.engine)
    again.go(epochs=3)
    assert resumed.epochs == 3


def test_objects_that_a_method_does_not_have_are_left_out(tmp_path):
    run = Run(tmp_path)
    ResumableCheckpoint(tmp_path / "other", {"network": run.network, "queue": None}, run.handler.sampler).save(
        run.go(epochs=1).engine
    )
    assert "queue" not in torch.load(tmp_path / "other/checkpoint.pt", weights_only=True)


@pytest.mark.parametrize(
    ("other", "message"),
    [
        ({"width": 4}, "network does not fit this run"),
        ({"num_samples": 10}, "an epoch of 4 steps, and now one of 5"),
        ({"identity": {"strategy": "se"}}, "from another run: strategy 're' \\(now 'se'\\)"),
        (
            {"identity": {"loss#scale": 2, "lr": 0.1}},
            r"strategy 're' \(now None\), lr None \(now 0.1\), loss#scale None",
        ),
    ],
)
def test_a_checkpoint_of_another_run_is_one_line_and_stays(tmp_path, other, message):
    Run(tmp_path, identity={"strategy": "re"}).go(epochs=1)
    before = (tmp_path / "checkpoint.pt").read_bytes()
    with pytest.raises(InputError, match=message) as error:
        Run(tmp_path, **{"identity": {"strategy": "re"}, **other}).go(epochs=2)
    assert "\n" not in str(error.value) and "another output_dir" in str(error.value)
    assert (tmp_path / "checkpoint.pt").read_bytes() == before


def test_a_file_that_was_moved_is_the_same_and_one_of_another_content_is_not(tmp_path):
    def identity(path: str, content: str | None) -> dict:
        return {"datalist": path, "datalist (content)": content}

    Run(tmp_path, identity={"datalist": "/old"}).go(epochs=1)  # an earlier version
    Run(tmp_path, identity=identity("/old", "1")).go(epochs=2)
    Run(tmp_path, identity=identity("/new", "1")).go(epochs=3)
    changed = r"datalist '/new' \(now '/old'\), datalist \(content\) '1' \(now {}\);"
    for content, shown in (("2", "'2'"), (None, "None")):
        with pytest.raises(InputError, match=changed.format(shown)):
            Run(tmp_path, identity=identity("/old", content)).go(epochs=4)
    with pytest.raises(InputError, match=r"datalist '/new' \(now None\)"):
        Run(tmp_path, identity={}).go(epochs=4)


def test_another_folder_of_images_is_another_run_unless_they_were_moved_there(tmp_path):
    (tmp_path / "images").mkdir()
    (tmp_path / "others").mkdir()
    Run(tmp_path, identity={}).go(epochs=1)  # an earlier version
    Run(tmp_path, identity={"dataset_dir": str(tmp_path / "images")}).go(epochs=2)
    others = {"dataset_dir": str(tmp_path / "others")}
    with pytest.raises(InputError, match=r"dataset_dir '.*images' \(now '.*others'\)"):
        Run(tmp_path, identity=others).go(epochs=3)
    (tmp_path / "images").rmdir()
    Run(tmp_path, identity=others).go(epochs=3)


def test_the_model_is_that_of_the_epoch_that_the_validator_found_best(tmp_path):
    validator = Engine(lambda engine, batch: None)
    validator.state.best_metric, validator.state.best_metric_epoch = -1, -1
    run, kept = Run(tmp_path, validator=validator), {}

    def validate(engine):
        kept[engine.state.epoch] = weights(run)
        if engine.state.epoch == 2:
            validator.state.best_metric, validator.state.best_metric_epoch = 0.9, 2

    run.engine.add_event_handler(Events.EPOCH_COMPLETED, validate)
    run.go(epochs=3)
    state = torch.load(tmp_path / "model.pt", weights_only=True)
    assert all(torch.equal(a, b) for a, b in zip(state.values(), kept[2], strict=True))
    validator.state.best_metric, validator.state.best_metric_epoch = -1, -1
    Run(tmp_path, validator=validator).go(epochs=3)
    assert (validator.state.best_metric, validator.state.best_metric_epoch) == (0.9, 2)


def test_a_full_disk_is_one_line_and_leaves_the_last_checkpoint_whole(tmp_path, monkeypatch):
    Run(tmp_path).go(1)
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}

    def full(content, file, **_):
        file.write(b"half")
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(torch, "save", full)
    with pytest.raises(InputError, match=r"checkpoint\.pt: not written \(.*No space left.*; free space") as caught:
        Run(tmp_path).go(2)
    assert "\n" not in str(caught.value)
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir() if path.name != ".lock"} == before


@pytest.mark.parametrize("content", [{"engine": [1]}, {"identity": "x"}, {3: 4}, [1], {"network": "hello"}])
def test_an_odd_checkpoint_is_one_line_and_stays(tmp_path, content):
    torch.save(content, tmp_path / "checkpoint.pt")
    with pytest.raises(InputError, match=r"checkpoint\.pt: ") as caught:
        Run(tmp_path).go(1)
    assert "\n" not in str(caught.value)
    assert [path.name for path in tmp_path.iterdir()] == ["checkpoint.pt"]
