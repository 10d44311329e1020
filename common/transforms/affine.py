"""Group I of Li et al. 2021, Fig. 1: affine transform."""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F

from ..errors import InputError
from .base import BatchRandTransform, column_to
from .draw import check_range, fill_range

__all__ = ["BatchRandAffine", "affine_matrices", "resample_affine"]

MODES = ("bilinear", "nearest")
PADDING_MODES = ("zeros", "border")
SLABS = 8  # the grid has 2 or 3 floats for each voxel: only an eighth of it exists at a time


class BatchRandAffine(BatchRandTransform):
    """Rotate, scale and shift each image about its centre, composed to one matrix and one resampling.

    "Random rotations in [-20, 20] degrees, random scale between [0.7, 1.3], and random shift between [-0.05, 0.05]"
    (Li et al. 2021, section 3). We read it as one angle about each axis, one isotropic factor (it speaks of *a* scale,
    and unequal factors would change a tumour's shape), and one shift along each axis as a fraction of its length.
    Rotation is rigid in voxels for any shape of the image.

    Args:
        prob: probability for each image.
        rotate_range: degrees about each axis (2D: in the plane), ``[low, high]``, or ``v`` for ``[-v, v]``.
        scale_range: ``[low, high]`` of the factor; above 1 the content grows.
        shift_range: fraction of the axis length, ``[low, high]``, or ``v`` for ``[-v, v]``.
        mode: ``"bilinear"`` (trilinear in 3D) or ``"nearest"``.
        padding_mode: values outside the image, ``"zeros"`` or ``"border"`` (its outermost voxels).

    Raises:
        InputError: a range is reversed or impossible, or a mode unknown.
    """

    overwrites = False

    def __init__(
        self,
        prob: float,
        rotate_range: float | Sequence[float] = 20.0,
        scale_range: Sequence[float] = (0.7, 1.3),
        shift_range: float | Sequence[float] = 0.05,
        mode: str = "bilinear",
        padding_mode: str = "zeros",
    ) -> None:
        super().__init__(prob)
        self.rotate_range = check_range(self, "rotate_range", rotate_range, -360, 360)
        self.scale_range = check_range(self, "scale_range", scale_range, 0.01, 100)
        self.shift_range = check_range(self, "shift_range", shift_range, -1, 1)
        for field, value, known in (("mode", mode, MODES), ("padding_mode", padding_mode, PADDING_MODES)):
            if value not in known:
                raise InputError(f"BatchRandAffine: {field} is {value!r}; expected one of {', '.join(known)}")
        self.mode = mode
        self.padding_mode = padding_mode

    def num_parameters(self, spatial_dims: int) -> int:
        """Angles, factor, shifts: 3D 3 + 1 + 3, 2D 1 + 1 + 2."""
        return spatial_dims * (spatial_dims - 1) // 2 + 1 + spatial_dims

    def apply(self, rows: torch.Tensor, uniform: torch.Tensor) -> torch.Tensor:
        """See :class:`BatchRandTransform`."""
        dims = rows.ndim - 2
        angles, scale, shift = uniform.split([uniform.shape[1] - 1 - dims, 1, dims], dim=1)
        size = torch.tensor(rows.shape[2:])
        matrices = affine_matrices(
            fill_range(angles, self.rotate_range).deg2rad(),
            fill_range(scale, self.scale_range),
            fill_range(shift, self.shift_range) * size,
        )
        return resample_affine(rows, matrices, self.mode, self.padding_mode)


def affine_matrices(angles: torch.Tensor, scale: torch.Tensor, shift: torch.Tensor) -> torch.Tensor:
    """Matrices from voxels of the output to voxels of the input, both counted from the image's centre.

    The content is rotated by ``R = R0 R1 R2`` (about the first, second, third axis; 2D: in the plane), scaled, then
    shifted; resampling asks the inverse question, where an output voxel comes from: ``x = R' (y - shift) / scale``.

    Args:
        angles: radians, ``[n, 3]`` or (2D) ``[n, 1]``.
        scale: factor, ``[n, 1]``.
        shift: voxels, ``[n, dims]``.

    Returns:
        ``[n, dims + 1, dims + 1]``, homogeneous: an input for MONAI's ``Affine(affine=...)`` too.
    """
    dims = shift.shape[1]
    planes = [(1, 2), (2, 0), (0, 1)] if dims == 3 else [(0, 1)]
    rotation = torch.eye(dims, dtype=angles.dtype)
    for angle, (first, second) in zip(angles.unbind(1), planes, strict=True):
        turn = torch.eye(dims, dtype=angles.dtype).repeat(len(angles), 1, 1)
        turn[:, first, first] = turn[:, second, second] = angle.cos()
        turn[:, second, first] = angle.sin()
        turn[:, first, second] = -angle.sin()
        rotation = rotation @ turn
    matrices = torch.eye(dims + 1, dtype=angles.dtype).repeat(len(angles), 1, 1)
    matrices[:, :dims, :dims] = rotation.mT / scale[:, :, None]
    matrices[:, :dims, dims:] = -matrices[:, :dims, :dims] @ shift[:, :, None]
    return matrices


def resample_affine(image: torch.Tensor, matrices: torch.Tensor, mode: str, padding_mode: str) -> torch.Tensor:
    """Resample each image once by its matrix.

    ``affine_grid`` takes 10 times as long as the broadcast sums here, and would need the whole grid at once.

    Args:
        image: ``n[C]HW`` or ``n[C]HWD``.
        matrices: matrices from :func:`affine_matrices`, on the CPU.
        mode: interpolation mode of ``grid_sample``.
        padding_mode: interpolation mode of ``grid_sample``.

    Returns:
        A new tensor of the image's shape.
    """
    size = image.shape[2:]
    dims = len(size)
    to_unit = 2 / torch.tensor(size, dtype=matrices.dtype)  # grid_sample counts from -1 to 1 across each axis, and ...
    rows = column_to((matrices[:, :dims] * to_unit[:, None]).flip(1).float(), image)  # ... names the last axis first
    # the i-th coordinate of voxel (h, w, d) is steps[0][:, i, h] + steps[1][:, i, w] + steps[2][:, i, d]
    steps = [
        rows[:, :, axis, None] * (torch.arange(length, device=image.device) - (length - 1) / 2)
        for axis, length in enumerate(size)
    ]
    steps[0] = steps[0] + rows[:, :, dims, None]
    moved = torch.empty_like(image)
    for steps_of_slab, slab in zip(steps[0].chunk(SLABS, 2), moved.chunk(SLABS, 2), strict=True):
        grid = _grid([steps_of_slab, *steps[1:]])
        slab.copy_(F.grid_sample(image, grid, mode=mode, padding_mode=padding_mode, align_corners=False))
    return moved


def _grid(steps: list[torch.Tensor]) -> torch.Tensor:
    """Sum of each axis's part of the coordinates, ``[n, dims, length]`` for each axis, as ``[n, *lengths, dims]``."""
    *leading, last = steps
    grid = last.new_empty(last.shape[0], *(step.shape[2] for step in steps), len(steps))
    for i in range(len(steps)):
        line = leading[0][:, i]
        for step in leading[1:]:
            line = line[..., None] + step[:, i, None]
        torch.add(line[..., None], last[:, i].view(-1, *[1] * len(leading), last.shape[2]), out=grid[..., i])
    return grid
