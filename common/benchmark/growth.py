"""Time and memory of datalists and reports as the cohort grows."""

from __future__ import annotations

import os
import time
import tracemalloc
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
import pandas as pd
from tqdm import tqdm

from ..data import load_datalist, write_datalist
from ..data.folds import assign_folds
from ..errors import InputError
from ..evaluation.reports.report import write_report

__all__ = ["growth_table", "measure_growth"]

Steps = Callable[[Path, int], Mapping[str, Callable[[], object]]]
RESAMPLES = 200  # of subjects for each interval; time is proportional to them


def measure_growth(
    folder: Path, sizes: Sequence[int] = (100, 1000, 10_000), others: Steps = lambda folder, size: {}
) -> dict[str, Any]:
    """CPU time and memory of checks, folds and a report of cohorts whose images are links to one small volume.

    The report compares two methods without figures, with fewer bootstrap resamples than usual.

    Args:
        folder: folder for the volume, its links, the datalists and the caches of the checks.
        sizes: numbers of subjects, with one image each.
        others: function from the folder and a number of subjects to further steps by name.

    Returns:
        ``rows``: for each size and step ``cpu_seconds``, ``seconds`` and ``memory``, the peak of Python's allocations
        in bytes; ``ratios``: for each step the largest growth of the time between two sizes over that of the cohort, of
        which 1 is linear.

    Raises:
        InputError: there are fewer than two sizes, or a size is below 50.
    """
    sizes = sorted(set(sizes))
    if len(sizes) < 2 or sizes[0] < 50:
        raise InputError(f"sizes: found {list(sizes)}, expected two or more numbers of subjects from 50; change them")
    nib.save(nib.Nifti1Image(np.zeros((4, 4, 4), dtype=np.int16), np.eye(4)), folder / "0.nii")
    for number in range(1, sizes[-1]):
        os.link(folder / "0.nii", folder / f"{number}.nii")
    rows = []
    for size in tqdm(sizes, desc="sizes", unit="cohort"):
        rows += [{"subjects": size, "step": name, **found} for name, found in _steps(folder, size, others).items()]
    table = pd.DataFrame(rows).pivot(index="subjects", columns="step", values="cpu_seconds")
    growth = {
        name: max(float(seconds[after] / seconds[before]) * before / after for before, after in pairwise(sizes))
        for name, seconds in table.items()
    }
    return {"settings": {"sizes": sizes}, "rows": rows, "ratios": growth}


def _steps(folder: Path, size: int, others: Steps) -> dict[str, dict[str, float]]:
    rows = [
        {"image": f"{number}.nii", "label": number % 2, "subject": f"subject{number}", "fold": number % 5}
        for number in range(size)
    ]
    datalist = folder / f"{size}.json"
    write_datalist(datalist, rows)
    check = partial(load_datalist, datalist, check="header")
    cached = partial(check, cache_dir=folder / f"cache{size}")
    cached()
    predicted = pd.concat([_predictions(size, method) for method in range(2)])
    return {
        "check": _measure(check),
        "check from the cache": _measure(cached),
        "folds": _measure(lambda: assign_folds(rows, num_folds=5)),
        "report": _measure(
            lambda: write_report(predicted, folder / f"report{size}", resamples=RESAMPLES, figures=False)
        ),
        **{name: _measure(step) for name, step in others(folder, size).items()},
    }


def _predictions(size: int, method: int) -> pd.DataFrame:
    """Random predictions that are better than chance, with the columns of ``predictions.csv``."""
    label = np.arange(size) % 2
    p = np.clip(np.random.default_rng(method).normal(0.4 + 0.2 * label, 0.2), 0, 1)
    keys = {"subject": [f"subject{number}" for number in range(size)], "fold": np.arange(size) // 2 % 5, "label": label}
    values = {"prediction": (p > 0.5).astype(int), "probability_0": 1 - p, "probability_1": p}
    return pd.DataFrame({**keys, "set": f"method {method}", "fraction": 1.0, "seed": 0, **values})


def _measure(step: Callable[[], object]) -> dict[str, float]:
    cpu, start = time.process_time(), time.perf_counter()
    step()
    found = {"cpu_seconds": time.process_time() - cpu, "seconds": time.perf_counter() - start}
    tracemalloc.start()
    try:
        step()
        return {**found, "memory": tracemalloc.get_traced_memory()[1]}
    finally:
        tracemalloc.stop()


def growth_table(result: dict[str, Any]) -> str:
    """One line per size and step of :func:`measure_growth`, in MB (1e6 bytes), and the ratios."""
    table = pd.DataFrame(
        {
            "subjects": row["subjects"],
            "step": row["step"],
            "CPU s": f"{row['cpu_seconds']:.3f}",
            "s": f"{row['seconds']:.3f}",
            "MB": f"{row['memory'] / 1e6:.1f}",
        }
        for row in result["rows"]
    )
    lines = [f"{name}: {ratio:.2f} times linear growth" for name, ratio in result["ratios"].items()]
    return "\n".join([table.to_string(index=False), *lines])
