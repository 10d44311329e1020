"""Tiles of an image in one of a set of orders."""

from __future__ import annotations

import math
from itertools import chain, permutations

import numpy as np
import torch

from ..errors import InputError
from .base import check_batch, column_to
from .draw import check_fraction, rand_rows

__all__ = ["JigsawTiles", "distant_permutations"]


class JigsawTiles:
    """Cut each image of a batch into a grid of tiles and shuffle them by one of a set of permutations.

    As Noroozi & Favaro 2016, section 3: a tile is smaller than its cell, at a random place in it ("a random gap between
    the tiles"), so that edges don't go on from tile to tile; each tile's mean and standard deviation are made 0 and 1
    ("we normalize the mean and the standard deviation of each patch independently"), so that brightness does not
    reveal its place; the permutations are as far from each other as possible. Numbers are drawn as
    :class:`~common.transforms.base.BatchRandTransform` draws them.

    Args:
        grid: number of tiles along each axis, 2 or 3.
        num_permutations: size of the set. **Ours**: 100 of their 1000, for cohorts of hundreds of images.
        tile_share: side of a tile as a share of its cell's, 64 of 75 pixels in the paper.
        seed: random seed for the first permutation of the set, which determines all others.

    Raises:
        InputError: the grid is another or has fewer permutations; in a call, images are too small.

    Shape:
        ``B[C]HW`` to tiles ``B[T][C]hw`` and the indices of their permutations, ``B``; tile k of the result is tile
        ``permutations[index][k]`` of the image, counted row by row.
    """

    def __init__(self, grid: int = 3, num_permutations: int = 100, tile_share: float = 64 / 75, seed: int = 0) -> None:
        if grid not in (2, 3):
            raise InputError(f"JigsawTiles: grid is {grid!r}; expected 2 or 3: 4 x 4 tiles have 2e13 orders")
        self.grid = grid
        self.tile_share = check_fraction(self, "tile_share", tile_share)
        self.permutations = distant_permutations(grid * grid, num_permutations, seed)

    @torch.no_grad()
    def __call__(self, image: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Tiles and indices."""
        check_batch(self, image)
        count, num_tiles = len(image), self.grid**2
        draws = rand_rows(count, 1 + 2 * num_tiles)
        index = (draws[:, 0] * len(self.permutations)).long()
        places = draws[:, 1:].view(count, num_tiles, 2)
        order = self.permutations[index]  # BxT
        rows, columns = (
            column_to(self._pixels(length, cell, place), image)
            for length, cell, place in zip(
                image.shape[2:], (order // self.grid, order % self.grid), places.unbind(2), strict=True
            )
        )
        batch = torch.arange(count, device=image.device)[:, None, None, None]
        tiles = image[batch, :, rows[:, :, :, None], columns[:, :, None, :]]  # BTxhwC
        std, mean = torch.std_mean(tiles, dim=(2, 3, 4), keepdim=True, correction=0)
        tiles = (tiles - mean) / std.clamp(min=1e-5)
        return tiles.permute(0, 1, 4, 2, 3), column_to(index, image)

    def _pixels(self, length: int, cell: torch.Tensor, place: torch.Tensor) -> torch.Tensor:
        """Positions along one axis of the pixels of tiles in these cells, ``BxT -> BxTxh``."""
        size = length // self.grid
        side = round(size * self.tile_share)
        if side < 1:
            raise InputError(
                f"JigsawTiles: images of {length} pixels along an axis make tiles of none; expected at least one; "
                "take larger images or a larger tile_share"
            )
        start = cell * size + (place * (size - side + 1)).long()
        return start[:, :, None] + torch.arange(side)


def distant_permutations(num_tiles: int, num_permutations: int, seed: int = 0) -> torch.Tensor:
    """Permutations with the greatest Hamming distance from each other (Noroozi & Favaro 2016, Algorithm 1).

    The first is drawn at random; each further one has the largest sum of distances to the previous ones.

    Args:
        num_tiles: number of tiles of a permutation; all permutations are tried, 362,880 of 9 tiles.
        num_permutations: number of permutations to choose.
        seed: random seed for the first permutation.

    Returns:
        ``[num_permutations, num_tiles]``.

    Raises:
        InputError: ``num_permutations`` is less than one or more than there are.
    """
    count = math.factorial(num_tiles)
    if not 1 <= num_permutations <= count:
        raise InputError(
            f"num_permutations: {num_permutations}; expected from 1 to {count}, all orders of {num_tiles} tiles; "
            "correct it"
        )
    numbers = np.fromiter(chain.from_iterable(permutations(range(num_tiles))), np.int8, count * num_tiles)
    every = np.ascontiguousarray(numbers.reshape(count, num_tiles).T)  # one line for each place, which is faster
    agreement = np.zeros(count, dtype=np.int32)  # places in which the chosen ones have the same tile, added up
    latest = int(np.random.default_rng(seed).integers(count))
    chosen = []
    for _ in range(num_permutations):
        chosen.append(latest)
        for place in every:
            agreement += place == place[latest]
        agreement[chosen] = np.iinfo(np.int32).max // 2
        latest = int(agreement.argmin())
    return torch.from_numpy(every[:, chosen].T.astype(np.int64))
