"""Three steps of each training of a study, measured in a process of their own."""

from __future__ import annotations

import contextlib
import json
import logging
import os
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import asdict, dataclass
from itertools import pairwise
from multiprocessing import get_context
from pathlib import Path
from typing import Any

from ..errors import InputError
from ..processes import end_with_parent

__all__ = ["StageCost", "StageRun", "measure_stages"]

STEPS = 3
BATCHES = 2  # in an epoch of the measured runs


@dataclass(frozen=True)
class StageRun:
    """A training to measure.

    Args:
        key: name of the training.
        files: config and its overlays.
        overrides: ids and their values.
    """

    key: str
    files: tuple[str, ...]
    overrides: Mapping[str, Any]


@dataclass(frozen=True)
class StageCost:
    """Seconds and bytes of a training.

    Attributes:
        setup: seconds to create network, optimizer and handlers.
        load: seconds to preprocess an image.
        step: seconds of a step, median of three.
        images: number of images in a step.
        epoch_end: seconds from the last step of an epoch to the next one, without the validation.
        memory: peak memory of the process in bytes; of the GPU, if there is one.
        weights: bytes of the network's weights.
    """

    setup: float
    load: float
    step: float
    images: int
    epoch_end: float
    memory: int
    weights: int


def measure_stages(
    runs: Sequence[StageRun], rows: Sequence[Mapping[str, Any]], folder: Path, names: Mapping[str, Any]
) -> dict[str, StageCost]:
    """Run three steps of each training on a few images.

    Args:
        runs: trainings.
        rows: rows of the study's datalist, of which as many are used as a few steps need.
        folder: folder for temporary files.
        names: ``labels`` and ``modality`` of the datalist.

    Returns:
        The costs by key.

    Raises:
        InputError: a training does not start, or memory ran out.
    """
    datalist = folder / "datalist.json"
    datalist.write_text(json.dumps({**names, "training": [dict(row) for row in rows]}))
    with ProcessPoolExecutor(1, get_context("spawn"), end_with_parent, (os.getpid(),)) as pool:
        try:
            found = pool.submit(_measure_all, [asdict(run) for run in runs], str(datalist), str(folder)).result()
        except BrokenProcessPool:
            raise InputError(
                "plan: a measured step was killed, probably out of memory; set a smaller --image_size or --batch_size"
            ) from None
    return {key: StageCost(**cost) for key, cost in found.items()}


def _measure_all(runs: list[dict[str, Any]], datalist: str, folder: str) -> dict[str, dict[str, Any]]:
    logging.disable(logging.WARNING)
    with open(os.devnull, "w") as void, contextlib.redirect_stdout(void), contextlib.redirect_stderr(void):
        _build(runs[0], datalist, Path(folder) / "warm")  # imports, and features that later runs find in the cache
        return {run["key"]: _measure(run, datalist, Path(folder) / f"run{place}") for place, run in enumerate(runs)}


def _measure(run: Mapping[str, Any], datalist: str, folder: Path) -> dict[str, Any]:
    """Build one training, warm up with an epoch and time the steps and the end of the epoch after it."""
    import torch

    _reset_peak()
    start = time.perf_counter()
    built = _build(run, datalist, folder)
    setup = time.perf_counter() - start
    loads = []
    for place in range(min(STEPS, len(built.dataset))):
        start = time.perf_counter()
        built.dataset.transform(built.dataset.data[place])
        loads.append(time.perf_counter() - start)
    times = _time_steps(built, torch.device(built.setting("device")))
    sampler = built.parser.get_parsed_content("train#sampler")
    network = built.trainer.network.state_dict().values()
    return {
        "setup": setup,
        "load": sorted(loads)[len(loads) // 2],
        **times,
        "images": min(sampler.batch_size, len(built.dataset)),
        "memory": _peak(torch.device(built.setting("device"))),
        "weights": sum(value.numel() * value.element_size() for value in network),
    }


def _build(run: Mapping[str, Any], datalist: str, folder: Path) -> Any:
    from ..benchmark.bundle_run import BundleRun
    from ..errors import root_cause

    overrides = {**run["overrides"], "datalist": datalist, "cache_rate": 0.0}
    try:
        return BundleRun(list(run["files"]), overrides, folder)
    except Exception as error:
        raise InputError(f"{run['key']}: {root_cause(error)}") from None


def _time_steps(built: Any, device: Any) -> dict[str, float]:
    """Seconds of a step and of an epoch's end, as the trainer itself does them, without reading of images."""
    import torch
    from ignite.engine import Events

    trainer, marks = built.trainer, []

    def mark(what: str) -> None:
        if device.type == "cuda":
            torch.cuda.synchronize(device)
        marks.append((what, time.perf_counter()))

    trainer.add_event_handler(Events.GET_BATCH_COMPLETED, mark, "batch")
    trainer.add_event_handler(Events.ITERATION_COMPLETED, mark, "step")
    trainer.add_event_handler(Events.EPOCH_STARTED, mark, "epoch")
    needed = STEPS + max(1, trainer.state.epoch_length or 1)

    def stop(engine: Any) -> None:
        if engine.state.iteration >= needed:
            engine.terminate()

    trainer.add_event_handler(Events.ITERATION_COMPLETED, stop)
    trainer.run()
    steps = [end - begin for (a, begin), (b, end) in pairwise(marks) if (a, b) == ("batch", "step")]
    ends = [end - begin for (a, begin), (b, end) in pairwise(marks) if (a, b) == ("step", "epoch")]
    timed = sorted(steps[1:] or steps)
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
