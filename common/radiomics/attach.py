"""Radiomic features as part of datalist rows, scaled by the training fold."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ..errors import InputError
from ..feature_table import feature_columns
from .cohort import extract_table
from .settings import RadiomicsSettings

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["attach_radiomics"]

logger = logging.getLogger(__name__)


def attach_radiomics(
    rows: Sequence[Mapping[str, Any]],
    settings: RadiomicsSettings | str | Path | Mapping[str, Any] | None,
    cache_dir: str | Path,
    scaling: str | Path,
    fit: bool = False,
    shuffle_seed: int | None = None,
    num_workers: int | None = None,
    max_correlation: float | None = None,
) -> list[dict[str, Any]]:
    """Add the scaled radiomic features of its lesion to each row, for a network that uses them beside the image.

    The scaling (selected columns, medians for imputation, means and standard deviations) is fitted on training rows
    only: call this function with ``fit=True`` on them, which writes ``scaling``, and without on all other rows, which
    reads it. The file belongs beside the weights: :class:`~common.transforms.RadiomicsFeaturesd` uses it at inference.

    With several processes, the first one measures and the others read its results from the cache.

    Args:
        rows: datalist rows with ``image``, ``mask`` and ``subject``; see :func:`common.data.load_datalist`. Of several
            modalities the first is measured.
        settings: PyRadiomics parameters, see :meth:`RadiomicsSettings.load`; their ``label`` is the label of the mask.
        cache_dir: cache folder of the features, see :func:`extract_table`.
        scaling: file of a :class:`~common.radiomics.scaling.FittedScaling`.
        fit: whether to fit the scaling on these rows and write it.
        shuffle_seed: random seed of a permutation in which no row keeps its own features: a negative control, in
            which pairs carry no information. ``None``: no permutation.
        num_workers: number of processes; by default one per core.
        max_correlation: when fitting, largest absolute correlation of a feature with those selected before it;
            ``None``: select all. Most of some 1,000 features are redundant and outweigh the few of shape.

    Returns:
        Copies of the rows with ``radiomics``: float32 tensor, shape ``[features]``, the same features in each.

    Raises:
        InputError: PyRadiomics is not installed, settings or scaling are invalid, or lesions cannot be measured, all
            of which are listed.
    """
    settings = RadiomicsSettings.load(settings)
    with _first_process_first() as is_first:
        options = {"cache_dir": cache_dir, "num_workers": num_workers, "progress": is_first}
        table = extract_table(rows, settings=settings, modality=0, **options)
    _refuse_unmeasured(table)
    values = _fit(table, scaling, max_correlation) if fit else _transform(table, scaling)
    if shuffle_seed is not None:
        values = _cyclic_permutation(values, shuffle_seed)
    import torch

    vectors = torch.from_numpy(values.astype(np.float32))
    return [{**row, "radiomics": vector.clone()} for row, vector in zip(rows, vectors, strict=True)]


@contextmanager
def _first_process_first() -> Iterator[bool]:
    """Let the other processes wait for the first; with Ignite's ``one_rank_first`` they hang if it fails."""
    import torch.distributed as dist

    together = dist.is_available() and dist.is_initialized() and dist.get_world_size() > 1
    is_first = not together or dist.get_rank() == 0
    if together and not is_first:
        dist.barrier()
    try:
        yield is_first
    finally:
        if together and is_first:
            dist.barrier()


def _refuse_unmeasured(table: pd.DataFrame) -> None:
    """Refuse lesions without any feature; missing features of single filters are imputed by the median."""
    failed = table[table[feature_columns(table)].isna().all(axis=1)]
    if not failed.empty:
        lines = [f"subject {row.subject}: {row.status}" for row in failed.itertuples()]
        report = InputError.of_rows("radiomics: lesions that cannot be measured", lines)
        raise InputError(f"{report}\ncorrect their files, or delete their rows from the datalist")


def _fit(table: pd.DataFrame, path: str | Path, max_correlation: float | None) -> np.ndarray:
    # Imported here, because worker processes import this package, and scikit-learn takes long.
    from .scaling import FittedScaling, scaling_pipeline

    names = feature_columns(table)
    fitted = FittedScaling.of(scaling_pipeline(max_correlation).fit(table[names].to_numpy()), names)
    fitted.save(path)
    logger.info("%s: %d of %d features, scaled on %d rows", path, len(fitted.columns), len(names), len(table))
    return fitted.transform(table)


def _transform(table: pd.DataFrame, path: str | Path) -> np.ndarray:
    from .scaling import FittedScaling

    return FittedScaling.load(path).transform(table)


def _cyclic_permutation(values: np.ndarray, seed: int) -> np.ndarray:
    """Rows permuted in a random cycle: each gets those of another row, unless it is the only one."""
    order = np.random.default_rng(seed).permutation(len(values))
    permuted = np.empty_like(values)
    permuted[order] = values[np.roll(order, 1)]
    return permuted
