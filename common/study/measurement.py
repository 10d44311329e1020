"""Three steps of each training of a study, measured in a process of their own, as an idle machine takes them."""

from __future__ import annotations

import contextlib
import json
import logging
import os
from collections.abc import Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import asdict, dataclass
from itertools import pairwise
from multiprocessing import get_context
from pathlib import Path
from typing import Any

from ..errors import InputError
from ..idle_time import Moment, idle_seconds, moment
from ..processes import end_with_parent

__all__ = ["StageCost", "StageRun", "measure_stages"]

STEPS = 3
BATCHES = 2  # in an epoch of the measured runs
LEAST_ROWS = 16


@dataclass(frozen=True)
class StageRun:
    """A training to measure.

    Args:
        key: name of the training.
        files: config and its overlays.
        overrides: ids and their values.
        batch_size: number of images of a batch, of which an epoch has two.
    """

    key: str
    files: tuple[str, ...]
    overrides: Mapping[str, Any]
    batch_size: int = 1


@dataclass(frozen=True)
class StageCost:
    """Seconds, as an idle machine takes them, and bytes of a training.

    Attributes:
        setup: seconds to create network, optimizer and handlers.
        load: seconds to preprocess an image.
        step: seconds of a step, median of three.
        images: number of images in a step.
        epoch_end: seconds from the last step of an epoch to the next one, without the validation.
        memory: peak memory of the process in bytes; of the GPU, if there is one.
        weights: bytes of the network's weights.
        waited: share of the measured time in which other processes had the processors; it is in no other value.
    """

    setup: float
    load: float
    step: float
    images: int
    epoch_end: float
    memory: int
    weights: int
    waited: float = 0.0


def measure_stages(
    runs: Sequence[StageRun],
    rows: Sequence[Mapping[str, Any]],
    folder: Path,
    names: Mapping[str, Any],
    try_float32: bool = False,
) -> tuple[dict[str, StageCost], bool]:
    """Run three steps of each training on a few images.

    Args:
        runs: trainings; the first one, the cheapest, is tried in float32 too.
        rows: rows of the study's datalist, of which as many are used as a few steps need.
        folder: folder for temporary files.
        names: ``labels`` and ``modality`` of the datalist.
        try_float32: whether the runs compute in bfloat16, and in float32 if the first run is faster so.

    Returns:
        The costs by key, and whether they are those of float32 instead of bfloat16.

    Raises:
        InputError: a training does not start, or memory ran out.
    """
    described = [asdict(run) | {"datalist": str(_write_rows(run, rows, folder, names))} for run in runs]
    with ProcessPoolExecutor(1, get_context("spawn"), end_with_parent, (os.getpid(),)) as pool:
        try:
            found, faster = pool.submit(_measure_all, described, str(folder), try_float32).result()
        except BrokenProcessPool:
            raise InputError(
                "plan: a measured step was killed, probably out of memory; set a smaller --image_size or --batch_size"
            ) from None
    return {key: StageCost(**cost) for key, cost in found.items()}, faster


def _write_rows(run: StageRun, rows: Sequence[Mapping[str, Any]], folder: Path, names: Mapping[str, Any]) -> Path:
    """The datalist of a run: as many rows as two batches have."""
    number = max(LEAST_ROWS, BATCHES * run.batch_size)
    path = folder / f"datalist{number}.json"
    path.write_text(json.dumps({**names, "training": [dict(row) for row in rows[:number]]}))
    return path


def _measure_all(
    runs: list[dict[str, Any]], folder: str, try_float32: bool = False
) -> tuple[dict[str, dict[str, Any]], bool]:
    logging.disable(logging.WARNING)
    with open(os.devnull, "w") as void, contextlib.redirect_stdout(void), contextlib.redirect_stderr(void):
        _build(runs[0], Path(folder) / "warm")  # imports, and features that later runs find in the cache
        first, faster = _measure(runs[0], Path(folder) / "run"), False
        if try_float32:
            other = _measure(_in_float32(runs[0]), Path(folder) / "float32")
            faster = other["step"] < first["step"]
            first = other if faster else first
        further = [_in_float32(run) if faster else run for run in runs[1:]]
        costs = {run["key"]: _measure(run, Path(folder) / f"run{place}") for place, run in enumerate(further)}
        return {runs[0]["key"]: first, **costs}, faster


def _in_float32(run: Mapping[str, Any]) -> dict[str, Any]:
    return {**run, "overrides": {**run["overrides"], "amp": False}}


def _measure(run: Mapping[str, Any], folder: Path) -> dict[str, Any]:
    """Build one training, and time the steps after the first one and the end of an epoch."""
    import torch

    _reset_peak()
    threads = torch.get_num_threads()
    begin = moment()
    built = _build(run, folder)
    setup = idle_seconds(begin, moment(), threads)
    loads = []
    for place in range(min(STEPS, len(built.dataset))):
        start = moment()
        built.dataset.transform(built.dataset.data[place])
        loads.append(idle_seconds(start, moment()))
    times = _time_steps(built, torch.device(built.setting("device")), threads)
    end = moment()
    sampler = built.parser.get_parsed_content("train#sampler")
    network = built.trainer.network.state_dict().values()
    return {
        "setup": setup,
        "load": sorted(loads)[len(loads) // 2],
        **times,
        "images": min(sampler.batch_size, len(built.dataset)),
        "memory": _peak(torch.device(built.setting("device"))),
        "weights": sum(value.numel() * value.element_size() for value in network),
        "waited": 1 - idle_seconds(begin, end, threads) / (end.wall - begin.wall),
    }


def _build(run: Mapping[str, Any], folder: Path) -> Any:
    from ..benchmark.bundle_run import BundleRun
    from ..errors import root_cause

    overrides = {**run["overrides"], "datalist": run["datalist"], "cache_rate": 0.0}
    try:
        return BundleRun(list(run["files"]), overrides, folder)
    except Exception as error:
        raise InputError(f"{run['key']}: {root_cause(error)}") from None


def _time_steps(built: Any, device: Any, threads: int) -> dict[str, float]:
    """Seconds of a step and of an epoch's end, as the trainer itself does them, without reading of images."""
    import torch
    from ignite.engine import Events

    trainer = built.trainer
    marks: list[tuple[str, Moment]] = []

    def mark(what: str) -> None:
        """Note the moment at which the device is done with a part."""
        if device.type == "cuda":
            torch.cuda.synchronize(device)
        marks.append((what, moment()))

    trainer.add_event_handler(Events.GET_BATCH_COMPLETED, mark, "batch")
    trainer.add_event_handler(Events.ITERATION_COMPLETED, mark, "step")
    trainer.add_event_handler(Events.EPOCH_STARTED, mark, "epoch")
    needed = 1 + max(STEPS, trainer.state.epoch_length or 1)  # the first one is not timed; an epoch ends in them

    def stop(engine: Any) -> None:
        """End the training after the steps that are measured."""
        if engine.state.iteration >= needed:
            engine.terminate()

    trainer.add_event_handler(Events.ITERATION_COMPLETED, stop)
    trainer.run()

    def passed(begin: Moment, end: Moment) -> float:
        """Seconds between two moments without what other processes took."""
        # on a GPU the process waits for the device
        if device.type == "cuda":
            return end.wall - begin.wall
        return idle_seconds(begin, end, threads)

    parts = [(a, b, passed(begin, end)) for (a, begin), (b, end) in pairwise(marks)]
    timed = sorted([seconds for a, b, seconds in parts if (a, b) == ("batch", "step")][1:])
    ends = [seconds for a, b, seconds in parts if (a, b) == ("step", "epoch")]
    return {"step": timed[len(timed) // 2], "epoch_end": min(ends, default=0.0)}


def _reset_peak() -> None:
    """Let the peak of resident memory start from what is resident now (Linux)."""
    with contextlib.suppress(OSError):
        Path("/proc/self/clear_refs").write_text("5")


def _peak(device: Any) -> int:
    import resource

    import torch

    if device.type == "cuda":
        return int(torch.cuda.max_memory_allocated(device))
    status = Path("/proc/self/status")
    if status.is_file():
        values = dict(line.split(":", 1) for line in status.read_text().splitlines())
        return int(values["VmHWM"].split()[0]) * 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
