"""Numbers of a lesion's outline: the simplest alternative to radiomics and networks, without PyRadiomics."""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import InputError
from ..feature_table import write_records
from ..images.stored_image import UnreadableImageError
from .label_map import read_label_map
from .lesion_numbers import lesion_numbers

__all__ = ["OUTLINE_NUMBERS", "outline_numbers", "write_outline_table"]

#: Names of the numbers in 3D; in 2D there are no flatness and no second aspect.
OUTLINE_NUMBERS = (
    *("LogVolume", "LogDiameter", "LogInscribedRadius", "Solidity", "Extent", "Elongation", "Flatness"),
    *("LogAspect1", "LogAspect2", "LogParts"),
)


def write_outline_table(
    rows: Sequence[Mapping[str, Any]], path: str | Path, mask_label: int | None = None, key: str = "mask"
) -> Path:
    """Measure the outline of each row of a datalist and write the numbers as CSV.

    Args:
        rows: rows of a datalist.
        path: CSV file to write.
        mask_label: label of the lesion; by default all labels above 0.
        key: key of the mask; ``"image"`` for cohorts whose images are shapes.

    Returns:
        The path written.

    Raises:
        InputError: a row has no mask, one that is unreadable, empty or no label map, or one with other axes than most
            rows have; all of them are listed.
    """

    def measure(row: Mapping[str, Any]) -> dict[str, float]:
        """Numbers of a row's mask, and the number of its axes for later."""
        mask, spacing = read_label_map(row.get(key), key)
        axes[f"{row.get('subject')}: {row.get(key)}"] = mask.ndim
        return outline_numbers(mask if mask_label is None else mask == mask_label, spacing)

    axes: dict[str, int] = {}
    records, problems = lesion_numbers(rows, measure, key)
    if problems := [*problems, *_odd_axes(axes)]:
        raise InputError.of_rows(f"outline: {key}", problems)
    return write_records(records, path)


def outline_numbers(mask: np.ndarray, spacing: Sequence[float] | np.ndarray) -> dict[str, float]:
    """Size and form of a lesion.

    Sizes are logarithms, as they act by ratios. Volume (in 2D area), diameter, elongation and flatness are defined as
    by PyRadiomics, the diameter between corners of voxels instead of points of a mesh; solidity is the volume's share
    of that of its convex hull, extent of that of its box, and the inscribed radius the 99th percentile of the distance
    from inside to the border. Solidity, diameter and axes are those of the largest part.

    Args:
        mask: lesion, where it is not 0, shape ``[X, Y]`` or ``[X, Y, Z]``.
        spacing: size of a voxel, in mm or pixels, one for each axis.

    Returns:
        Numbers by name.

    Raises:
        UnreadableImageError: the mask is empty.
    """
    from scipy import ndimage
    from scipy.spatial import ConvexHull
    from scipy.spatial.distance import pdist

    inside = np.asarray(mask) != 0
    if not inside.any():
        raise UnreadableImageError("found no voxel of the lesion, expected one or more")
    box = ndimage.find_objects(inside.astype(np.uint8))[0]
    inside, size = np.pad(inside[box], 1), np.asarray(spacing, dtype=float)
    volume, edges = inside.sum() * size.prod(), (np.array(inside.shape) - 2) * size
    parts, count = ndimage.label(inside)
    largest = parts == 1 + np.argmax(np.bincount(parts.ravel())[1:])
    corners = _corners(largest) * size
    hull = ConvexHull(corners)
    places = np.argwhere(largest) * size
    axes = np.linalg.eigvalsh(np.cov(places.T, bias=True) + np.diag(size**2) / 12)[::-1]  # 12: of a voxel itself
    depth = ndimage.distance_transform_edt(inside, sampling=size)[inside]
    return {
        "outline_LogVolume": float(np.log(volume)),
        "outline_LogDiameter": float(np.log(pdist(corners[hull.vertices]).max())),
        "outline_LogInscribedRadius": float(np.log(np.percentile(depth, 99))),
        "outline_Solidity": float(largest.sum() * size.prod() / hull.volume),
        "outline_Extent": float(volume / edges.prod()),
        "outline_Elongation": float(np.sqrt(axes[1] / axes[0])),
        **({"outline_Flatness": float(np.sqrt(axes[2] / axes[0]))} if inside.ndim == 3 else {}),
        **{f"outline_LogAspect{axis}": float(np.log(edges[axis] / edges[0])) for axis in range(1, inside.ndim)},
        "outline_LogParts": float(np.log(count)),
    }


def _corners(mask: np.ndarray) -> np.ndarray:
    """Corners of the first and last voxel of each line along the last axis, which have the same convex hull."""
    places = np.argwhere(mask)  # in order of the lines
    new = np.any(np.diff(places[:, :-1], axis=0) != 0, axis=1)
    ends = places[np.r_[True, new] | np.r_[new, True]]
    offsets = np.array(list(itertools.product((0.0, 1.0), repeat=mask.ndim)))
    return np.unique((ends[:, None] + offsets).reshape(-1, mask.ndim), axis=0)


def _odd_axes(axes: Mapping[str, int]) -> Iterator[str]:
    """A line for each mask with another number of axes than most; the numbers are given by the mask's name."""
    most = Counter(axes.values()).most_common(1)
    for name, number in axes.items():
        if number != most[0][0]:
            yield f"{name}: found {number} axes, expected {most[0][0]} as most masks have; delete the row"
