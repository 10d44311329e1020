from __future__ import annotations

from itertools import permutations

import pytest
import torch

from common.errors import InputError
from common.transforms import JigsawTiles, distant_permutations


def test_the_set_is_that_of_algorithm_1_done_naively():
    chosen = [tuple(row) for row in distant_permutations(4, 8, seed=3).tolist()]
    left = [permutation for permutation in permutations(range(4)) if permutation != chosen[0]]
    for count in range(1, 8):
        sums = [sum(a != b for other in chosen[:count] for a, b in zip(p, other, strict=True)) for p in left]
        best = left[sums.index(max(sums))]
        assert chosen[count] == best
        left.remove(best)


def test_100_orders_of_9_tiles_differ_from_each_other_nearly_everywhere():
    chosen = distant_permutations(9, 100)
    assert torch.equal(chosen.sort(dim=1).values, torch.arange(9).expand(100, -1))
    distance = (chosen[:, None] != chosen).sum(2)[~torch.eye(100, dtype=torch.bool)]
    assert distance.min() > 0 and distance.float().mean() > 8.05  # 8 for random ones


def test_the_first_nine_orders_agree_nowhere():
    chosen = distant_permutations(9, 9)
    assert ((chosen[:, None] != chosen).sum(2) + 9 * torch.eye(9) == 9).all()


def test_the_seed_decides():
    assert torch.equal(distant_permutations(4, 5, 1), distant_permutations(4, 5, 1))
    assert not torch.equal(distant_permutations(4, 5, 1), distant_permutations(4, 5, 2))


def test_tile_k_is_the_tile_that_the_permutation_names_inside_its_own_cell():
    torch.manual_seed(0)
    height, width, side = 24, 33, (6, 8)  # cells of 8 x 11, 0.75 of them
    image = torch.rand(1, 2, height, width).repeat(5, 1, 1, 1)
    maker = JigsawTiles(grid=3, num_permutations=20, tile_share=0.75)
    tiles, index = maker(image)
    assert tiles.shape == (5, 9, 2, *side)
    starts = set()
    for tile_set, number in zip(tiles, index.tolist(), strict=True):
        for k, cell in enumerate(maker.permutations[number].tolist()):
            top, left = cell // 3 * 8, cell % 3 * 11
            found = [
                (y, x)
                for y in range(8 - side[0] + 1)
                for x in range(11 - side[1] + 1)
                if torch.allclose(
                    tile_set[k],
                    standardised(image[0, :, top + y : top + y + side[0], left + x : left + x + side[1]]),
                    atol=1e-4,
                )
            ]
            assert len(found) == 1, (k, cell)
            starts.update(found)
    assert len(starts) > 6  # 3 x 4 places


def standardised(tile: torch.Tensor) -> torch.Tensor:
    return (tile - tile.mean()) / tile.std(correction=0)


def test_each_tile_has_mean_0_and_standard_deviation_1_and_a_constant_one_is_finite():
    image = torch.rand(2, 1, 30, 30) * torch.linspace(1, 50, 30)
    tiles, _ = JigsawTiles(num_permutations=4)(image)
    torch.testing.assert_close(tiles.mean((2, 3, 4)), torch.zeros(2, 9), rtol=0, atol=1e-4)
    torch.testing.assert_close(tiles.std((2, 3, 4), correction=0), torch.ones(2, 9), rtol=0, atol=1e-3)
    assert torch.equal(JigsawTiles(num_permutations=4)(torch.ones(1, 1, 30, 30))[0], torch.zeros(1, 9, 1, 9, 9))


def test_processes_together_make_the_tiles_of_one_process(play_process):
    image, maker = torch.rand(6, 1, 24, 24), JigsawTiles(num_permutations=30)
    torch.manual_seed(11)
    tiles, index = maker(image)
    assert len(index.unique()) > 2
    for rank in (0, 1):
        play_process(rank, 2)
        torch.manual_seed(11)
        own_tiles, own_index = maker(image[rank::2])
        assert torch.equal(own_tiles, tiles[rank::2]) and torch.equal(own_index, index[rank::2])


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"grid": 4}, "JigsawTiles: grid is 4; expected 2 or 3"),
        ({"tile_share": 1.2}, "JigsawTiles: tile_share is 1.2; expected a number from 0 to 1"),
        ({"grid": 2, "num_permutations": 25}, "num_permutations: 25; expected from 1 to 24, all orders of 4 tiles"),
        ({"num_permutations": 0}, "num_permutations: 0; expected from 1 to 362880"),
    ],
)
def test_bad_arguments_are_one_line(arguments, message):
    with pytest.raises(InputError, match=message):
        JigsawTiles(**{"num_permutations": 2, **arguments})


def test_images_too_small_to_cut_are_one_line():
    with pytest.raises(InputError, match="images of 2 pixels along an axis make tiles of none"):
        JigsawTiles(num_permutations=2)(torch.rand(1, 1, 2, 30))
