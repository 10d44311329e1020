"""What clusters of a cohort may follow other than its classes: the acquiring centre and the size of the lesion."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import Any

import torch

from ..images.facts import ImageFacts
from ..images.facts_cache import FactsCache

__all__ = ["centre_column", "lesion_traits"]

CENTRES = ("centre", "center", "site", "hospital", "institution", "scanner", "manufacturer")


def centre_column(rows: Sequence[Mapping[str, Any]]) -> str | None:
    """The column that names the hospital or scanner of each row, if there is one."""
    names = {str(key).lower(): str(key) for row in rows for key in row}
    return next((names[name] for name in CENTRES if name in names), None)


def lesion_traits(
    rows: Sequence[Mapping[str, Any]],
    mask_label: int | Sequence[int] | None = None,
    cache_dir: str | os.PathLike | None = None,
) -> dict[str, torch.Tensor]:
    """Traits of the samples that all rows have; a trait that some row lacks is left out.

    Args:
        rows: rows of a datalist, in the order of their ``index``.
        mask_label: labels of the mask that are the lesion; by default all above 0.
        cache_dir: folder of the facts that the check of the datalist has left, which has counted the masks.

    Returns:
        ``centre``, whole numbers for the values of :func:`centre_column`, and ``size``, the logarithm of the mask's
        volume in mm^3 (area in mm^2; voxels where the file has no spacing), shape ``N`` each.
    """
    traits: dict[str, torch.Tensor] = {}
    column = centre_column(rows)
    names = [None if column is None else row.get(column) for row in rows]
    if None not in names:
        numbers = {name: number for number, name in enumerate(sorted(set(map(str, names))))}
        traits["centre"] = torch.tensor([numbers[str(name)] for name in names])
    if all(isinstance(row.get("mask"), str) for row in rows):
        cache = FactsCache(cache_dir)
        facts = [cache.facts(row["mask"], is_mask=True, content=True) for row in rows]
        sizes = [_volume(found, mask_label) for found in facts]
        if min(sizes, default=0.0) > 0:
            traits["size"] = torch.tensor(sizes).log()
    return traits


def _volume(facts: ImageFacts, mask_label: int | Sequence[int] | None) -> float:
    """Volume of the lesion, 0 where the file has too many values for a mask."""
    wanted = [mask_label] if isinstance(mask_label, int) else mask_label
    counts = [count for value, count in facts.values or () if (value > 0 if wanted is None else value in wanted)]
    voxel = 1.0 if facts.affine is None else float(torch.tensor(facts.affine)[:-1, :-1].det().abs())
    return sum(counts) * voxel
