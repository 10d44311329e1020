"""Checkpoints from which a killed run is continued bit for bit."""

from __future__ import annotations

import logging
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import ignite.distributed as idist
import torch
from ignite.engine import Engine, Events
from torch import nn

from ..checkpoints import read_checkpoint
from ..data.samplers import CandidateBatchSampler
from ..errors import InputError, one_line
from ..files import remove_temporaries, replacing
from ..locks import FolderLock
from ..run_identity import CONTENT, IMAGES
from ..training_record import with_training_record
from .random_state import RandomState

__all__ = ["ResumableCheckpoint", "save_with_checkpoint"]

logger = logging.getLogger(__name__)
_WATCHING = ("collapse", "watch_collapse")  # state and setting that change no result
#: Losses of pretext tasks before and since their networks' outputs hold watched features too; both compute the same.
_SAME = (
    ("torch.nn.MSELoss", "common.losses.RestorationLoss"),
    ("torch.nn.CrossEntropyLoss", "common.losses.JigsawLoss"),
)
_SHOWN = 8  # changed settings in a message


def save_with_checkpoint(engine: Engine, name: str, handler: Any) -> None:
    """Let :class:`ResumableCheckpoint` save and load a handler's state; to be called in the handler's ``attach``.

    Args:
        engine: trainer to which the handler is attached.
        name: name of the state in the checkpoint.
        handler: object with ``state_dict`` and ``load_state_dict``.
    """
    vars(engine).setdefault("handlers_with_state", {})[name] = handler


class ResumableCheckpoint:
    """Save the complete state of training, and continue from it when the same command is started again.

    ``checkpoint.pt`` has the state of each object, of the handlers with a state (:func:`save_with_checkpoint`), of the
    engine and of all random generators; it is written under a temporary name and renamed, so that it is complete even
    if the process is killed. The position of the loader is the epoch and step, from which
    :class:`~common.data.CandidateBatchSampler` continues. ``model.pt`` is the state dict of the network alone, at the
    end, or, with a validator, of the best epoch. Put this handler first, so that the others start from the loaded
    state; it saves after all of them.

    Args:
        output_dir: folder of ``checkpoint.pt`` and ``model.pt``, created if missing.
        objects: objects to save by name, including ``network``, with ``state_dict`` and ``load_state_dict``; ``None``
            is ignored.
        sampler: batch sampler of the training loader.
        generator: generator of the training loader, seeded for each epoch. Without it the loader uses torch's global
            generator at its start, once more in a run that is resumed within an epoch than in an uninterrupted one.
        interval: number of iterations between checkpoints within an epoch; ``None`` for one after each epoch only.
        validator: evaluator whose key metric determines the best epoch.
        resume: whether to continue from an existing ``checkpoint.pt``.
        identity: settings that change the results, as plain values (:func:`common.run_identity`); a checkpoint with
            others is refused.
        record: record of the training (:func:`common.training_record`) for ``model.pt``.
        model: network whose weights ``model.pt`` holds, such as an average that is among ``objects``; ``None`` for
            ``network``.

    Raises:
        InputError: the checkpoint is unreadable, or belongs to another architecture or cohort.
    """

    def __init__(
        self,
        output_dir: str | Path,
        objects: dict[str, Any],
        sampler: CandidateBatchSampler,
        generator: torch.Generator | None = None,
        interval: int | None = None,
        validator: Engine | None = None,
        resume: bool = True,
        identity: dict[str, Any] | None = None,
        record: dict[str, Any] | None = None,
        model: nn.Module | None = None,
    ) -> None:
        self.path = Path(output_dir) / "checkpoint.pt"
        self.objects = {name: obj for name, obj in objects.items() if obj is not None} | {"random": RandomState()}
        self.sampler = sampler
        self.generator = generator
        self.loader_seed = 0 if generator is None else generator.initial_seed()
        self.interval = interval
        self.validator = validator
        self.resume = resume
        self.identity = identity or {}
        self.record = record
        self.model = self.objects["network"] if model is None else model
        self.lock = FolderLock(output_dir)

    def attach(self, engine: Engine) -> None:
        """Load at the start, save at intervals and ends of epochs."""
        engine.add_event_handler(Events.STARTED, self._start)
        engine.add_event_handler(Events.EPOCH_STARTED, self.set_epoch)
        engine.add_event_handler(Events.STARTED, self._save_after_all_others)
        if self.validator is None:
            engine.add_event_handler(Events.COMPLETED, self.save_model)
        engine.add_event_handler(Events.COMPLETED, self.lock.release)

    def _start(self, engine: Engine) -> None:
        """Take the folder, so that no second run writes there, remove what a killed one was writing, and load."""
        if idist.get_rank() == 0:
            self.lock.acquire()
            if self.lock.exclusive:
                remove_temporaries(self.path.parent)
        try:
            self.load(engine)
        except BaseException:
            self.lock.release()
            raise

    def _save_after_all_others(self, engine: Engine) -> None:
        # all handlers are attached by now, and Ignite calls those of an event in the order of attaching
        if not engine.has_event_handler(self.save, Events.EPOCH_COMPLETED):
            if self.validator is not None:
                engine.add_event_handler(Events.EPOCH_COMPLETED, self._save_best_model)
            engine.add_event_handler(Events.EPOCH_COMPLETED, self.save)
            if self.interval:
                engine.add_event_handler(Events.ITERATION_COMPLETED(every=self.interval), self._save_within_epoch)

    def set_epoch(self, engine: Engine) -> None:
        """Set the epoch of sampler and loader, and the number of steps before a resume."""
        done = engine.state.iteration % engine.state.epoch_length
        self.sampler.set_epoch(engine.state.epoch, start=done)
        if self.generator is not None:
            self.generator.manual_seed(self.loader_seed + engine.state.epoch)

    def _save_within_epoch(self, engine: Engine) -> None:
        if engine.state.iteration % engine.state.epoch_length:  # at its end the epoch's handlers come first
            self.save(engine)

    def _save_best_model(self, engine: Engine) -> None:
        assert self.validator is not None  # attached only then
        if self.validator.state.best_metric_epoch == engine.state.epoch:
            self.save_model(engine)

    def save(self, engine: Engine) -> None:
        """Write ``checkpoint.pt``; all processes call it, the first one writes."""
        states = {name: obj.state_dict() for name, obj in self._all_objects(engine).items()}
        states["network"] = with_training_record(states["network"], self.record)
        states["engine"] = {"iteration": engine.state.iteration, "epoch_length": engine.state.epoch_length}
        states["identity"] = self.identity
        if self.validator is not None:
            best = self.validator.state
            states["best"] = {"metric": float(best.best_metric), "epoch": best.best_metric_epoch}
        self._write(states, self.path.name)

    def save_model(self, engine: Engine) -> None:
        """Write ``model.pt``, the network's weights."""
        state = self.model.state_dict()
        for name, value in state.items():  # to the CPU, where MONAI's ckpt_export loads weights as they were saved
            state[name] = value.cpu() if isinstance(value, torch.Tensor) else value
        self._write(with_training_record(state, self.record), "model.pt")
        logger.info(f"Weights: {self.path.with_name('model.pt')}")

    def load(self, engine: Engine) -> None:
        """Continue from ``checkpoint.pt`` if it exists and ``resume`` is set."""
        if not (self.resume and self.path.exists()):
            return
        states = read_checkpoint(self.path)
        remedy = "name another output_dir, or start again with --resume false"
        if any(not isinstance(states.get(name, {}), Mapping) for name in ("identity", "engine", "best")):
            raise InputError(f"{self.path}: no checkpoint of a training; {remedy}")
        if changed := _changed(states.get("identity", {}), self.identity):
            raise InputError(f"{self.path}: from another run: {changed}; {remedy}")
        progress = states.get("engine", {})
        if progress.get("epoch_length") != engine.state.epoch_length:
            raise InputError(
                f"{self.path}: an epoch of {progress.get('epoch_length')} steps, and now one of "
                f"{engine.state.epoch_length}: another cohort or batch size; {remedy}"
            )
        for name, obj in self._all_objects(engine).items():
            try:
                obj.load_state_dict(states.get(name, {}) if name in _WATCHING else states[name])
            except (AttributeError, KeyError, IndexError, RuntimeError, TypeError, ValueError) as error:
                found = one_line(error, limit=300)
                raise InputError(f"{self.path}: {name} does not fit this run ({found}); {remedy}") from error
        engine.state.iteration = progress["iteration"]
        engine.state.epoch = progress["iteration"] // engine.state.epoch_length
        if self.validator is not None and (best := states.get("best")):
            self.validator.state.best_metric = best["metric"]
            self.validator.state.best_metric_epoch = best["epoch"]
        logger.info(f"Continuing from {self.path}: epoch {engine.state.epoch}, iteration {engine.state.iteration}.")

    def _all_objects(self, engine: Engine) -> dict[str, Any]:
        return self.objects | vars(engine).get("handlers_with_state", {})

    def _write(self, content: Mapping[str, Any], name: str) -> None:
        if idist.get_rank() != 0:
            return
        path = self.path.with_name(name)
        try:
            # Ignite's DiskSaver leaves its temporary file on a full disk, where closing it fails
            with replacing(path) as temporary, open(temporary, "wb") as file:
                torch.save(content, file)
        except (OSError, RuntimeError) as error:  # PyTorch raises the latter when a disk is full
            cause = error.__context__ if isinstance(error.__context__, OSError) else error
            raise InputError(
                f"{path}: not written ({one_line(cause)}); free space or correct the permissions, then start the same "
                "command again"
            ) from error


def _changed(written: dict[str, Any], now: dict[str, Any]) -> str:
    """Settings that differ, with both values; those of options before those inside components.

    A file of the same content may have another path, and a content may come where there was none, as in checkpoints of
    earlier versions. The folder of the images may change where the old one is no longer there: it was moved.
    """
    contents = {name for name in written.keys() & now.keys() if name.endswith(CONTENT) and written[name] == now[name]}
    names = [name for name in {**written, **now} if written.get(name) != now.get(name)]
    names = [name for name in names if f"{name}{CONTENT}" not in contents]
    names = [name for name in names if written.get(name) is not None or not name.endswith(CONTENT)]
    names = [name for name in names if name != IMAGES or os.path.isdir(written.get(name, ""))]
    names = [name for name in names if name not in _WATCHING]  # earlier versions did not watch pretext tasks
    names = [name for name in names if (written.get(name), now.get(name)) not in _SAME]
    names.sort(key=lambda name: "#" in name)
    shown = [f"{name} {written.get(name)!r} (now {now.get(name)!r})" for name in names[:_SHOWN]]
    return ", ".join(shown) + (f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else "")
