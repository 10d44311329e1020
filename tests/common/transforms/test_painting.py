from __future__ import annotations

import pytest
import torch

from common.errors import InputError
from common.transforms import BatchRandPaint
from common.transforms.painting import draw_boxes

SHAPE = torch.Size([24, 36, 42])


def boxes(inside: bool, count: int = 300, shape: torch.Size = SHAPE) -> list[list[tuple[slice, ...]]]:
    generator = torch.Generator().manual_seed(0)
    return [draw_boxes(shape, inside, generator) for _ in range(count)]


@pytest.mark.parametrize("inside", [True, False])
def test_boxes_have_the_authors_sizes_and_keep_their_margin(inside):
    drawn = [box for each in boxes(inside) for box in each]
    for axis, length in enumerate(SHAPE):
        sizes = {box[axis].stop - box[axis].start for box in drawn}
        low, high = (length // 6, length // 3) if inside else (length - 4 * length // 7, length - 3 * length // 7)
        assert sizes == set(range(low, high + 1))
        assert min(box[axis].start for box in drawn) == 3 and max(box[axis].stop for box in drawn) == length - 3


def test_another_box_comes_with_probability_095_up_to_five():
    inside = [len(each) for each in boxes(True, 600)]
    outside = [len(each) for each in boxes(False, 600)]
    assert set(inside) == set(range(6)) and set(outside) == set(range(1, 6))
    assert inside.count(5) / 600 == pytest.approx(0.95**5, abs=0.05)
    assert outside.count(5) / 600 == pytest.approx(0.95**4, abs=0.05)


@pytest.mark.parametrize("shape", [(1, 8, 8), (2, 3, 5), (4, 4, 4), (5, 64)])
@pytest.mark.parametrize("inside", [True, False])
def test_axes_without_room_for_the_margin_are_painted_too(shape, inside):
    for each in boxes(inside, 50, torch.Size(shape)):
        for box in each:
            assert all(0 <= part.start < part.stop <= length for part, length in zip(box, shape, strict=True))


@pytest.mark.parametrize("inpaint", [1.0, 0.0])
def test_exactly_the_boxes_or_all_but_these_are_noise_and_the_rest_is_untouched(inpaint):
    image = torch.full((3, 2, *SHAPE), 7.0)
    transform = BatchRandPaint(1.0, inpaint)
    uniform = torch.tensor([[0.5, 1 / 7], [0.5, 3 / 7], [0.5, 5 / 7]], dtype=torch.float64)
    found = transform.apply(image.clone(), uniform)
    for row, (_, seed) in zip(found, uniform.tolist(), strict=True):
        covered = torch.zeros(SHAPE, dtype=torch.bool)
        for box in draw_boxes(SHAPE, inpaint == 1.0, torch.Generator().manual_seed(int(seed * 2**53))):
            covered[box] = True
        painted = covered if inpaint == 1.0 else ~covered
        assert torch.equal(row == 7, (~painted).expand_as(row))
        noise = row[:, painted]
        assert noise.min() >= 0 and noise.max() <= 1
        assert noise.mean().item() == pytest.approx(0.5, abs=0.05)
        assert noise.std().item() == pytest.approx(12**-0.5, abs=0.05)
    assert not torch.equal(found[0], found[1])


def test_in_and_out_painting_come_in_the_given_shares():
    torch.manual_seed(0)
    found = BatchRandPaint(0.9, 0.2)(torch.full((300, 1, 7, 7), 2.0))
    share = (found == 2).flatten(1).float().mean(1)  # that is left
    assert (share == 1).float().mean().item() == pytest.approx(1 - 0.9 + 0.9 * 0.2 * 0.05, abs=0.05)
    assert ((share > 0.4) & (share < 1)).float().mean().item() > 0.1


def test_noise_fills_the_range_of_intensities():
    found = BatchRandPaint(1.0, 0.0, (-10.0, 30.0))(torch.zeros(1, 1, 20, 20, 20))
    painted = found[found != 0]
    assert painted.min() < -9 and painted.max() > 29 and painted.mean().item() == pytest.approx(10, abs=1)


def test_a_probability_above_1_is_one_line():
    with pytest.raises(InputError, match=r"^BatchRandPaint: inpaint is 1.5; expected a number from 0 to 1"):
        BatchRandPaint(0.9, 1.5)
