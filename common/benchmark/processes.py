"""Time of one comparison by one process and by several."""

from __future__ import annotations

import os
import time
from collections.abc import Mapping
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import pandas as pd
from tqdm import tqdm

from ..processes import end_with_parent
from .turns import Spread

__all__ = ["measure_processes", "processes_table"]


def measure_processes(options: Mapping[str, Any], folder: Path, workers: int = 2, rounds: int = 1) -> dict[str, Any]:
    """Run a comparison by one process and by several, with tasks of one thread, in turns.

    Each run is started by a new process that has imported everything before the clock starts; what the workers import
    counts, as they are part of the run.

    Args:
        options: options of :class:`~common.evaluation.LabelFractions` but ``output_dir`` and ``workers``.
        folder: folder for the outputs.
        workers: number of processes.
        rounds: number of measurements.

    Returns:
        ``rounds``: wall time of both in each round, and ``ratio``: their ratio, as plain values for JSON.
    """
    found = []
    for number in tqdm(range(rounds), desc="rounds"):
        seconds = {}
        for name, processes in (("one", 1), ("several", workers)):
            with ProcessPoolExecutor(1, get_context("spawn"), end_with_parent, (os.getpid(),)) as pool:
                output = str(folder / f"{name}{number}")
                seconds[name] = pool.submit(_timed, dict(options), output, processes).result()
        found.append(seconds)
    ratio = Spread.of(seconds["several"] / seconds["one"] for seconds in found)._asdict()
    return {"workers": workers, "rounds": found, "ratio": ratio}


def _timed(options: dict[str, Any], output_dir: str, workers: int) -> float:
    os.environ["OMP_NUM_THREADS"] = "1"  # of the workers
    import torch

    torch.set_num_threads(1)
    import monai.bundle
    import monai.engines  # noqa: F401

    from ..evaluation import LabelFractions

    comparison = LabelFractions(output_dir=output_dir, workers=workers, **options)
    start = time.perf_counter()
    comparison.run()
    return time.perf_counter() - start


def processes_table(result: Mapping[str, Any]) -> str:
    """One line per round of :func:`measure_processes`."""
    table = pd.DataFrame(
        {
            "one process, s": f"{seconds['one']:.1f}",
            f"{result['workers']} processes, s": f"{seconds['several']:.1f}",
            "ratio": f"{seconds['several'] / seconds['one']:.3f}",
        }
        for seconds in result["rounds"]
    )
    ratio = result["ratio"]
    spread = f"{ratio['median']:.3f} [{ratio['min']:.3f}, {ratio['max']:.3f}]"
    return f"{table.to_string(index=False)}\ntime of {result['workers']} processes over that of one: {spread}"
