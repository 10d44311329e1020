"""Radiomic features as part of a datalist's rows, on the scale of the training fold."""

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
    """Give each row its lesion's radiomic features, scaled, for a network that takes them beside the image.

    The scale (columns kept, medians for gaps, means and standard deviations) is fitted on training rows alone: call it
    once with ``fit=True`` on these, which writes ``scaling``, and without for all others, which reads it. It belongs
    beside the weights: :class:`~common.transforms.RadiomicsFeaturesd` takes it at inference.

    Of several processes the first measures, the others take what it left in the cache.

    Args:
        rows: datalist rows with ``image``, ``mask`` and ``subject``; see :func:`common.data.load_datalist`. Of several
            modalities the first is measured.
        settings: PyRadiomics parameters, see :meth:`RadiomicsSettings.load`; the mask's label is their ``label``.
        cache_dir: folder of the features by content, see :func:`extract_table`.
        scaling: file of a :class:`~common.radiomics.scaling.FittedScaling`.
        fit: fit it on these rows and write it, whole or not at all.
        shuffle_seed: deal the features out to other rows, none keeps its own: the negative control, which must learn
            nothing from pairs. ``None``: each row has its own.
        num_workers: processes; by default one per core.
        max_correlation: when fitting, keep a feature only if none kept before it correlates more with it; ``None``:
            keep all. Some 1,000 features of which most tell the same drown the few of shape.

    Returns:
        Copies of the rows with ``radiomics``: float32 tensor, shape ``[features]``, the same features in each.

    Raises:
        InputError: PyRadiomics is absent, settings or scaling are bad, or lesions cannot be measured, all of them
            listed.
    """
    settings = RadiomicsSettings.load(settings)
    with _first_process_first() as is_first:
        table = extract_table(rows, cache_dir=cache_dir, settings=settings, num_workers=num_workers, progress=is_first)
    _refuse_unmeasured(table)
    values = _fit(table, scaling, max_correlation) if fit else _transform(table, scaling)
    if shuffle_seed is not None:
        values = _dealt_to_others(values, shuffle_seed)
    import torch

    vectors = torch.from_numpy(values.astype(np.float32))
    return [{**row, "radiomics": vector.clone()} for row, vector in zip(rows, vectors, strict=True)]


@contextmanager
def _first_process_first() -> Iterator[bool]:
    """Let the others wait; Ignite's ``one_rank_first`` would leave them waiting where the first one fails."""
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
    """What a filter alone could not do is filled by the median; a lesion without any feature is no sample."""
    failed = table[table[feature_columns(table)].isna().all(axis=1)]
    if not failed.empty:
        lines = [f"subject {row.subject}: {row.status}" for row in failed.itertuples()]
        report = InputError.of_rows("radiomics: lesions that cannot be measured", lines)
        raise InputError(f"{report}\ncorrect their files, or drop their rows from the datalist")


def _fit(table: pd.DataFrame, path: str | Path, max_correlation: float | None) -> np.ndarray:
    # Here, because worker processes import this package, and scikit-learn takes long.
    from .scaling import FittedScaling, scaling_pipeline

    names = feature_columns(table)
    fitted = FittedScaling.of(scaling_pipeline(max_correlation).fit(table[names].to_numpy()), names)
    fitted.save(path)
    logger.info("%s: %d of %d features, scaled on %d rows", path, len(fitted.columns), len(names), len(table))
    return fitted.transform(table)


def _transform(table: pd.DataFrame, path: str | Path) -> np.ndarray:
    from .scaling import FittedScaling

    return FittedScaling.load(path).transform(table)


def _dealt_to_others(values: np.ndarray, seed: int) -> np.ndarray:
    """Rows in a random cycle: each has another's, unless it is alone."""
    order = np.random.default_rng(seed).permutation(len(values))
    dealt = np.empty_like(values)
    dealt[order] = values[np.roll(order, 1)]
    return dealt
