"""Peak memory of a training epoch for cohorts of increasing size."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd
from tqdm import tqdm

from ..data import load_datalist, write_datalist
from ..data.phantoms import DementiaPhantoms
from ..errors import InputError
from .memory import peak_of_run

__all__ = ["cohort_table", "measure_cohort_memory"]

# Small volumes and a small network, as neither affects the growth with the cohort.
SMALL = {
    "image_size": [64, 64, 64],
    "clip_size": [32, 32],
    "num_slices": 4,
    "channels": [4, 8, 16, 32],
    "batch_size": 20,
    "amp": False,
}
PHANTOM_SHAPE = (32, 32, 32)  # padded to the image's size


def measure_cohort_memory(
    config_files: Sequence[str],
    overrides: Mapping[str, Any],
    folder: Path,
    sizes: Sequence[int] = (100, 1000),
    caches: Sequence[str] = ("memory", "disk"),
) -> dict[str, Any]:
    """Peak memory of the real run's first epoch, for cohorts of several sizes and each kind of cache.

    Each run is a separate process, whose total peak resident memory is reported. The smaller cohorts are the first
    phantoms of the largest one, with one volume each.

    Args:
        config_files: config and its overlays.
        overrides: config ids and their values, on top of :data:`SMALL`.
        folder: folder for the phantoms and the output of the runs.
        sizes: numbers of volumes in the cohorts.
        caches: values of the config id ``cache``.

    Returns:
        ``settings``, ``rows`` and, for each cache, ``growth`` in bytes per additional volume, as plain values.

    Raises:
        InputError: there are fewer than two sizes, or a size is below 20.
    """
    sizes = sorted(set(sizes))
    if len(sizes) < 2 or sizes[0] < 20:
        raise InputError(
            f"sizes: found {list(sizes)}, expected two or more numbers of volumes from 20, a batch; change them"
        )
    datalists = _cohorts(folder, sizes)
    rows = []
    for cache, size in tqdm([(cache, size) for cache in caches for size in sizes], desc="cohort", unit="run"):
        own = {
            **SMALL,
            **overrides,
            "cache": cache,
            "dataset_dir": str(folder),
            "datalist": str(datalists[size]),
            "cache_dir": str(folder / f"cache_{cache}_{size}"),
            "transductive": True,
        }
        rows.append({"cache": cache, "volumes": size, **peak_of_run(config_files, own, steps=1)})
    peaks = {(row["cache"], row["volumes"]): row["peak"] for row in rows}
    growth = {cache: (peaks[cache, sizes[-1]] - peaks[cache, sizes[0]]) / (sizes[-1] - sizes[0]) for cache in caches}
    return {"settings": {**SMALL, **overrides, "sizes": sizes}, "rows": rows, "growth": growth}


def _cohorts(folder: Path, sizes: Sequence[int]) -> dict[int, Path]:
    """Datalists of each size, of one cohort."""
    path = DementiaPhantoms(sizes[-1], visits=1, shape=PHANTOM_SHAPE, num_folds=2).make(folder / "phantoms")
    rows = load_datalist(path, check="none")
    return {size: write_datalist(folder / f"cohort_{size}.json", rows[:size]) for size in sizes}


def cohort_table(result: dict[str, Any]) -> str:
    """One line per run of :func:`measure_cohort_memory`, in MB (1e6 bytes), and the growth per volume."""
    rows = [
        {"cache": row["cache"], "volumes": row["volumes"]}
        | {name: f"{row[name] / 1e6:.0f}" for name in ("libraries", "baseline", "peak")}
        for row in result["rows"]
    ]
    lines = [", ".join(f"{name} {value}" for name, value in result["settings"].items()), ""]
    lines += [pd.DataFrame(rows).to_string(index=False), "", "MB of resident memory; baseline = before the first step"]
    lines += [f"{cache}: {size / 1e3:.1f} kB per additional volume" for cache, size in result["growth"].items()]
    return "\n".join(lines)
