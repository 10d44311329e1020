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

_SAFE_SHARE = 0.9  # greatest estimate, relative to the available memory
_OPTIONS = ("amp", "activation_checkpointing")
_LEAST = 16  # minimum voxels along an axis of the small runs


def measure_memory(
    config_files: Sequence[str], overrides: Mapping[str, Any], steps: int = 2, limit_gb: float = 8.0
) -> dict[str, Any]:
    """Peak memory of the real run in float32 and bfloat16, with and without activation checkpointing.

    Each combination is a separate process. On a CPU the result is the total peak resident memory of the process:
    libraries, cached cohort, network, overhead of the allocator; on a GPU, the peak allocation by torch. Each
    combination first runs with a quarter and half of the edge lengths, and is skipped if it would not fit in memory.

    Args:
        config_files: config and its overlays.
        overrides: config ids and their values; ``amp`` and ``activation_checkpointing`` are measured with both values
            unless they are given.
        steps: number of training steps after the warm-up epochs; the first one creates the state of the optimizer.
        limit_gb: limit of the peak, in 1e9 bytes.

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
            row["skipped"] = "would not fit in the available memory"
        else:
            row |= peak_of_run(config_files, own, steps)
            row["within_limit"] = row["peak"] <= limit_gb * 1e9
        rows.append(row)
    return {"settings": {"image_size": list(sizes["image_size"]), "steps": steps, "limit_gb": limit_gb}, "rows": rows}


def smallest_cohort(config_files: Sequence[str], overrides: Mapping[str, Any]) -> int:
    """Number of subjects that a step needs: a batch, or the candidates of SE; at least 8, as phantom cohorts have."""
    names = ("strategy", "batch_size", "num_clusters", "candidates_per_cluster")
    strategy, batch_size, *candidates = (read_setting(config_files, overrides, name) for name in names)
    return max(8, batch_size, math.prod(candidates) if strategy == "se" else 0)


def _expectation(
    config_files: Sequence[str], overrides: Mapping[str, Any], steps: int, sizes: dict[str, list[int]]
) -> dict[str, int]:
    """Bytes ``expected`` (extrapolated from runs at half and a quarter of the edge lengths) and ``available``."""
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
    """Peak memory of the warm-up of a run and ``steps`` more steps, in a new process.

    Args:
        config_files: config and its overlays.
        overrides: config ids and their values.
        steps: number of training steps after the warm-up epochs.

    Returns:
        Bytes ``libraries`` (after imports), ``baseline`` (before the first step), ``peak``, ``available`` (at the
        start); and properties of the step.

    Raises:
        InputError: the process was killed, probably by the system because memory ran out.
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
        sys.stdout = sys.stderr = void  # this process runs nothing else; errors are raised in the parent
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
    """Memory of this process: allocated by torch on the GPU, otherwise resident."""
    if device.type == "cuda":
        return _Memory(torch.cuda.memory_allocated(device), torch.cuda.max_memory_allocated(device))
    status = Path("/proc/self/status")
    if status.is_file():  # Linux, whose ru_maxrss includes the memory of the parent at the fork
        values = dict(line.split(":", 1) for line in status.read_text().splitlines())
        return _Memory(*(int(values[name].split()[0]) * 1024 for name in ("VmRSS", "VmHWM")))
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)
    return _Memory(peak, peak)
