"""Numbers of a lesion's outline: the simplest alternative to radiomics and networks, without PyRadiomics."""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from ..errors import InputError
from ..feature_table import write_table
from ..images.read import read_image
from ..images.stored_image import UnreadableImageError

__all__ = ["outline_numbers", "write_outline_table"]

MOST_LABELS = 10  # of a mask whose labels are counted


def write_outline_table(
    rows: Sequence[Mapping[str, Any]], path: str | Path, mask_label: int | None = None, key: str = "mask"
) -> Path:
    """Measure the outline of each row of a datalist and write the numbers as CSV.

    Where a mask has several labels, the shares of all labels in the lesion are added, such as that of the enhancing
    tumour. Cohorts whose masks have one label each have none, as these differ only by format, or by the class.

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
    records, problems, axes = [], [], []
    for row in rows:
        try:
            found = row.get(key)
            mask, spacing = _read(next(iter(found), None) if isinstance(found, list | tuple) else found, key)
            numbers = outline_numbers(mask if mask_label is None else mask == mask_label, spacing)
            shares = _shares(mask) if mask_label is None else {}
        except (UnreadableImageError, OSError) as error:
            reason = error.advice if isinstance(error, UnreadableImageError) else error
            problems.append(f"{row.get('subject')}: {row.get(key)}: {reason}")
            continue
        place = {name: row[name] for name in ("subject", "session", "row", "fold", "label") if name in row}
        records.append({**place, **numbers, **shares})
        axes.append((mask.ndim, f"{row.get('subject')}: {row.get(key)}"))
    problems += _odd_axes(axes)
    if problems:
        raise InputError.of_rows(f"outline: {key}", problems)
    table = pd.DataFrame(records)
    labels = [name for name in table if name.startswith("outline_Share")]
    several = (table[labels].notna().sum(axis=1) > 1).any()
    table[labels] = table[labels].fillna(0.0)
    return write_table(table.drop(columns=[] if several else labels), path)


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


def _read(path: Any, key: str) -> tuple[np.ndarray, np.ndarray]:
    """A label map, and the size of its voxels."""
    from nibabel.orientations import io_orientation

    if not path:
        raise UnreadableImageError("found none, expected a file; add it, drop the row, or leave outline out")
    image = read_image(path, is_mask=key == "mask")
    if image.channels > 1:
        raise UnreadableImageError(f"found {image.channels} channels, expected one")
    values = np.unique(image.voxels)
    if (values != np.round(values)).any() or values[0] < 0:
        raise UnreadableImageError(
            f"found values such as {values[0]:g} and {values[-1]:g}, expected labels 0, 1, 2, ..."
        )
    if key != "mask" and len(values) > 2:
        raise UnreadableImageError(f"found {len(values)} values, expected a shape of 0 and one other value")
    affine = np.eye(4) if image.affine is None else image.affine
    spacing = np.linalg.norm(affine[:3, : image.spatial_dims], axis=0)
    voxels = image.voxels.reshape(image.spatial_shape)
    if image.spatial_dims == 3:  # in the patient's order: aspects of axial and sagittal files agree
        order = np.argsort(io_orientation(affine)[:, 0])
        voxels, spacing = voxels.transpose(order), spacing[order]
    flat = [axis for axis, number in enumerate(voxels.shape) if number == 1][: voxels.ndim - 2]  # a slice as a volume
    return np.squeeze(voxels, tuple(flat)), np.delete(spacing, flat)


def _odd_axes(axes: Sequence[tuple[int, str]]) -> Iterator[str]:
    """A line for each mask, given by its number of axes and its name, with other axes than most."""
    most = Counter(number for number, _ in axes).most_common(1)
    for number, name in axes:
        if number != most[0][0]:
            yield f"{name}: found {number} axes, expected {most[0][0]} as most masks have; drop the row"


def _shares(mask: np.ndarray) -> dict[str, float]:
    """Share of each label in the lesion; of one label alone, none is written."""
    labels, counts = np.unique(mask[mask != 0], return_counts=True)
    if len(labels) > MOST_LABELS:
        found = f"found {len(labels)} labels, expected at most {MOST_LABELS}"
        raise UnreadableImageError(f"{found}; set mask_label to that of the lesion")
    return {f"outline_Share{label:g}": float(count / counts.sum()) for label, count in zip(labels, counts, strict=True)}
