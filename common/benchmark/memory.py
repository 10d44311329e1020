"""Peak memory of a pre-training step."""

from __future__ import annotations

import math
import os
import resource
import sys
from collections.abc import Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from itertools import product
from multiprocessing import get_context
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple

import torch
from tqdm import tqdm

from ..errors import InputError, flag
from .bundle_run import BundleRun, read_setting
from .efficiency import describe_step, first_tensor
from .environment import available_memory
from .steps import TrainerSteps
from .turns import Clock

__all__ = ["measure_memory", "peak_of_run", "smallest_cohort"]

_SAFE_SHARE = 0.9  # of the available memory that an estimate may take
_OPTIONS = ("amp", "activation_checkpointing")
_LEAST = 16  # voxels along an axis of the small run


def measure_memory(
    config_files: Sequence[str], overrides: Mapping[str, Any], steps: int = 2, limit_gb: float = 8.0
) -> dict[str, Any]:
    """Peak memory of the real run in float32 and bfloat16, with and without activation checkpointing.

    Each combination is a process of its own. On a CPU the figure is the process's peak resident memory with all that is
    in it: libraries, cached cohort, network, allocator's waste; on a GPU, the peak that torch's allocator gave out.
    Runs at a quarter and half the box's edges come first, and what would then not fit is skipped instead of driving
    the machine out of memory.

    Args:
        config_files: the config and its overlays.
        overrides: config ids and their values; ``amp`` and ``activation_checkpointing``, where not given, are both.
        steps: training steps after the warm-up epochs; the first one makes the optimizer's state.
        limit_gb: what the peak is compared with, in 1e9 bytes.

    Returns:
        ``settings`` and ``rows``, as plain values for JSON.
    """
    found = {name: read_setting(config_files, overrides, name) for name in ("box_size", "image_size")}
    sizes = {name: size for name, size in found.items() if size}
    rows = []
    options = [[flag(name, overrides[name])] if name in overrides else [True, False] for name in _OPTIONS]
    for amp, checkpointing in tqdm(list(product(*options)), desc="memory", unit="run"):
        own = {**overrides, "amp": amp, "activation_checkpointing": checkpointing}
        row: dict[str, Any] = {"precision": "bf16" if amp else "fp32", "checkpointing": checkpointing}
        row |= _expectation(config_files, own, steps, sizes)
        if row["expected"] > _SAFE_SHARE * row["available"]:
            row["skipped"] = "would not fit in the memory that is available"
        else:
            row |= peak_of_run(config_files, own, steps)
            row["within_limit"] = row["peak"] <= limit_gb * 1e9
        rows.append(row)
    return {"settings": {"image_size": list(sizes["image_size"]), "steps": steps, "limit_gb": limit_gb}, "rows": rows}


def smallest_cohort(config_files: Sequence[str], overrides: Mapping[str, Any]) -> int:
    """How many subjects a step draws from: a batch, or with SE its candidates; at least the 8 of a phantom cohort."""
    names = ("strategy", "batch_size", "num_clusters", "candidates_per_cluster")
    strategy, batch_size, *candidates = (read_setting(config_files, overrides, name) for name in names)
    return max(8, batch_size, math.prod(candidates) if strategy == "se" else 0)


def _expectation(
    config_files: Sequence[str], overrides: Mapping[str, Any], steps: int, sizes: dict[str, list[int]]
) -> dict[str, int]:
    """Bytes that are ``expected`` (the line through runs at half and a quarter of the edges) and ``available``."""
    peaks, volumes = [], [math.prod(sizes["image_size"])]
    for part in (2, 4):
        smaller = {name: [max(length // part, _LEAST) for length in size] for name, size in sizes.items()}
        found = peak_of_run(config_files, {**overrides, **smaller}, steps)
        peaks.append(found["peak"])
        volumes.append(math.prod(smaller["image_size"]))
    full, half, quarter = volumes
    slope = max(peaks[0] - peaks[1], 0) / max(half - quarter, 1)
    return {"expected": round(peaks[0] + slope * max(full - half, 0)), "available": found["available"]}


def peak_of_run(config_files: Sequence[str], overrides: Mapping[str, Any], steps: int) -> dict[str, Any]:
    """Peak memory of a run's warm-up and ``steps`` more steps, in a fresh process.

    Returns:
        Bytes: ``libraries`` (after imports), ``baseline`` (before the first step), ``peak``, ``available`` at the
        start; and what the step worked on.

    Raises:
        InputError: when the process was killed, as the system does when memory runs out.
    """
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        try:
            return pool.submit(_run_and_measure, list(config_files), dict(overrides), steps).result()
        except BrokenProcessPool as error:
            raise InputError("memory: the run was killed, probably out of memory; choose a smaller box_size") from error


def _run_and_measure(config_files: list[str], overrides: dict[str, Any], steps: int) -> dict[str, Any]:
    device = torch.device(read_setting(config_files, overrides, "device"))
    found: dict[str, Any] = {"available": available_memory(device), "libraries": _memory(device).now}
    with TemporaryDirectory(prefix="benchmark-") as folder, open(os.devnull, "w") as void:
        sys.stdout = sys.stderr = void  # the process is this function's own; its errors travel as exceptions
        run = BundleRun(config_files, overrides, Path(folder))
        found["baseline"] = _memory(device).now
        driver = TrainerSteps(run.trainer, Clock(device))
        driver(run.warmup_steps + steps - 1)
        inputs, *_ = driver.step_and_keep()
        found["peak"] = _memory(device).peak
        driver.finish()
    return found | describe_step(run, first_tensor(inputs))


class _Memory(NamedTuple):
    now: int  # bytes
    peak: int


def _memory(device: torch.device) -> _Memory:
    """Memory of this process: on the GPU what torch's allocator gave out, else what is resident."""
    if device.type == "cuda":
        return _Memory(torch.cuda.memory_allocated(device), torch.cuda.max_memory_allocated(device))
    status = Path("/proc/self/status")
    if status.is_file():  # Linux; its ru_maxrss would count the parent's memory at the fork too
        values = dict(line.split(":", 1) for line in status.read_text().splitlines())
        return _Memory(*(int(values[name].split()[0]) * 1024 for name in ("VmRSS", "VmHWM")))
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)
    return _Memory(peak, peak)
