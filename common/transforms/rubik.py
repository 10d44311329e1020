"""Sub-cubes of a volume, moved and turned as in Rubik's cube."""

from __future__ import annotations

from typing import NamedTuple

import torch

from ..errors import InputError
from .base import check_batch, column_to
from .draw import check_fraction, rand_rows
from .jigsaw import distant_permutations

__all__ = ["RubikCubes", "RubikMoves"]

_CORNERS = torch.cartesian_prod(*[torch.arange(2)] * 3)  # 8x3


class RubikMoves(NamedTuple):
    """Moves of the cubes of each volume, the targets of :class:`~common.losses.RubikLoss`."""

    order: torch.Tensor  # B, index of the permutation
    turned: torch.Tensor  # Bx8x2, 1 where a cube was turned by 180 degrees about the first or the last axis


class RubikCubes:
    """Cut each volume into 2 x 2 x 2 cubes, shuffle them and turn some of them (Zhuang et al. 2019, section 2).

    "Cube ordering": one of a set of permutations that are far from each other in Hamming distance. "Cube rotation": to
    keep it solvable, "only 180 degree horizontal and vertical rotations". "A random gap" between the cubes, and each
    cube's mean and standard deviation made 0 and 1, so that neither edges nor brightness reveal its place.

    Args:
        num_permutations: size of the set. **Ours**: 100.
        cube_share: side of a cube as a share of half the volume; the rest is the gap. **Ours**.
        seed: random seed for the set's first permutation.

    Raises:
        InputError: there are more permutations than 8 cubes have; in a call, images are no volumes or too small.

    Shape:
        ``B[C]HWD`` to cubes ``B8[C]hwd`` and :class:`RubikMoves`; cube k is cube ``permutations[order][k]`` of the
        volume, counted with the last axis fastest.
    """

    def __init__(self, num_permutations: int = 100, cube_share: float = 0.875, seed: int = 0) -> None:
        self.cube_share = check_fraction(self, "cube_share", cube_share)
        self.permutations = distant_permutations(8, num_permutations, seed)

    @torch.no_grad()
    def __call__(self, image: torch.Tensor) -> tuple[torch.Tensor, RubikMoves]:
        """Cubes and moves."""
        check_batch(self, image)
        sizes = [round(length // 2 * self.cube_share) for length in image.shape[2:]]
        if image.ndim != 5 or min(sizes) < 1:
            raise InputError(
                f"RubikCubes: images of shape {tuple(image.shape)}; expected volumes [B, C, H, W, D] of at least two "
                "voxels along each axis; take larger volumes or a larger cube_share"
            )
        draws = rand_rows(len(image), 1 + 8 * 5)
        order = (draws[:, 0] * len(self.permutations)).long()
        gaps, turned = draws[:, 1:25].view(-1, 8, 3), draws[:, 25:].view(-1, 8, 2) < 0.5
        volumes = [
            self._cubes(volume, self.permutations[index], gap, turn, sizes)
            for volume, index, gap, turn in zip(image, order.tolist(), gaps, turned.tolist(), strict=True)
        ]
        cubes = torch.stack(volumes)  # B8[C]hwd
        std, mean = torch.std_mean(cubes, dim=(2, 3, 4, 5), keepdim=True, correction=0)
        moves = RubikMoves(column_to(order, image), column_to(turned.float(), image))
        return (cubes - mean) / std.clamp(min=1e-5), moves

    def _cubes(
        self, volume: torch.Tensor, permutation: torch.Tensor, gaps: torch.Tensor, turned: list, sizes: list[int]
    ) -> torch.Tensor:
        """The shuffled cubes of one volume, ``8[C]hwd``."""
        cubes = []
        for place, (horizontal, vertical) in zip(permutation.tolist(), turned, strict=True):
            cut = [slice(None)]
            for axis, size in enumerate(sizes):
                half = volume.shape[1 + axis] // 2
                start = int(_CORNERS[place, axis]) * half + int(gaps[place, axis] * (half - size + 1))
                cut.append(slice(start, start + size))
            cube = volume[tuple(cut)]
            cube = cube.flip(2, 3) if horizontal else cube  # 180 degrees about the first axis of space
            cubes.append(cube.flip(1, 2) if vertical else cube)  # and about the last
        return torch.stack(cubes)
