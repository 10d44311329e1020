from __future__ import annotations

import numpy as np
import pytest
import torch
from monai.transforms import Affine
from monai.transforms.utils import create_rotate
from scipy.ndimage import affine_transform, gaussian_filter

from common.errors import InputError
from common.transforms import BatchRandAffine
from common.transforms.affine import affine_matrices, resample_affine


def some_matrices(images: torch.Tensor) -> torch.Tensor:
    dims = images.ndim - 2
    generator = torch.Generator().manual_seed(1)
    angles = torch.rand(4, dims * (dims - 1) // 2, generator=generator, dtype=torch.float64) - 0.5
    scale = torch.tensor([[0.7], [0.9], [1.1], [1.3]], dtype=torch.float64)
    shift = 3 * torch.rand(4, dims, generator=generator, dtype=torch.float64) - 1.5
    return affine_matrices(angles, scale, shift)


@pytest.mark.parametrize("mode", ["bilinear", "nearest"])
@pytest.mark.parametrize("padding_mode", ["zeros", "border"])
def test_resampling_agrees_with_monai(images, mode, padding_mode):
    matrices = some_matrices(images)
    moved = resample_affine(images, matrices, mode, padding_mode)
    for image, matrix, row in zip(images, matrices, moved, strict=True):
        reference = Affine(affine=matrix, mode=mode, padding_mode=padding_mode, image_only=True)(image)
        difference = (row - reference.as_tensor()).abs()
        if mode == "nearest":  # rounding decides ties either way
            assert (difference > 1e-3).float().mean() < 0.01
        else:
            assert difference.max() < 5e-3


@pytest.mark.parametrize(("padding_mode", "scipy_mode"), [("zeros", "grid-constant"), ("border", "nearest")])
def test_resampling_agrees_with_scipy(images, padding_mode, scipy_mode):
    matrices = some_matrices(images)
    moved = resample_affine(images, matrices, "bilinear", padding_mode)
    centre = (np.array(images.shape[2:]) - 1) / 2
    for image, matrix, row in zip(images.numpy(), matrices.numpy(), moved.numpy(), strict=True):
        linear, offset = matrix[:-1, :-1], matrix[:-1, -1]
        for channel, moved_channel in zip(image, row, strict=True):
            reference = affine_transform(channel, linear, centre + offset - linear @ centre, order=1, mode=scipy_mode)
            np.testing.assert_allclose(moved_channel, reference, rtol=0, atol=5e-3)


def test_matrices_are_rotation_scale_shift_inverted():
    angles, scale, shift = [0.3, -0.2, 0.5], 1.2, [1.0, 2.0, -3.0]
    rotation = create_rotate(3, angles)  # MONAI's, 4x4
    forward = np.eye(4)
    forward[:3, :3] = rotation[:3, :3] * scale
    forward[:3, 3] = shift
    (matrix,) = affine_matrices(*(torch.tensor([row], dtype=torch.float64) for row in (angles, [scale], shift)))
    np.testing.assert_allclose(matrix.numpy() @ forward, np.eye(4), atol=1e-12)


def test_a_plane_rotates_like_monai():
    (matrix,) = affine_matrices(torch.tensor([[0.4]]), torch.ones(1, 1), torch.zeros(1, 2))
    np.testing.assert_allclose(matrix.numpy(), np.linalg.inv(create_rotate(2, 0.4)), atol=1e-6)


def test_a_quarter_turn_of_a_non_cubic_volume_is_rigid():
    """Normalised coordinates would squeeze the long axis into the short one."""
    image = torch.rand(1, 1, 9, 5, 7)
    matrices = affine_matrices(torch.tensor([[0.0, 0.0, torch.pi / 2]]), torch.ones(1, 1), torch.zeros(1, 3))
    moved = resample_affine(image, matrices, "bilinear", "zeros")
    expected = torch.rot90(image[:, :, 2:7], dims=(2, 3))  # the content's first axis turns towards its second
    torch.testing.assert_close(moved[:, :, 2:7], expected, rtol=0, atol=1e-5)
    assert moved[:, :, :2].abs().max() < 1e-5


def test_content_moves_by_the_shift():
    image = torch.zeros(1, 1, 21, 15, 11)
    image[:, :, 8:13, 5:10, 3:8] = 1
    matrices = affine_matrices(torch.zeros(1, 3), torch.ones(1, 1), torch.tensor([[3.0, -2.0, 1.0]]))
    moved = resample_affine(image, matrices, "bilinear", "zeros")
    torch.testing.assert_close(moved, image.roll((3, -2, 1), (2, 3, 4)), rtol=0, atol=1e-5)


def test_content_grows_with_the_scale():
    blob = gaussian_filter(np.eye(1, 27 * 25 * 23, 27 * 25 * 23 // 2).reshape(27, 25, 23), 2.0)  # at the centre
    image = torch.as_tensor(blob, dtype=torch.float32)[None, None]
    matrices = affine_matrices(torch.zeros(1, 3), torch.tensor([[1.25]]), torch.zeros(1, 3))
    grown = resample_affine(image, matrices, "bilinear", "zeros")
    assert grown.sum().item() == pytest.approx(1.25**3, rel=0.01)


def test_ranges_of_no_change_return_the_input(images):
    view = BatchRandAffine(1.0, rotate_range=0.0, scale_range=[1.0, 1.0], shift_range=0.0)(images)
    torch.testing.assert_close(view, images, rtol=0, atol=255e-5)


def test_parameters_fill_the_configured_ranges(monkeypatch):
    seen = []
    monkeypatch.setattr(
        "common.transforms.affine.affine_matrices", lambda *drawn: seen.append(drawn) or torch.eye(4)[None]
    )
    transform = BatchRandAffine(1.0, rotate_range=[10.0, 20.0], scale_range=[0.7, 1.3], shift_range=0.1)
    image = torch.zeros(1, 1, 40, 20, 10)
    for value, angle, scale, shift in ((0.0, 10.0, 0.7, [-4.0, -2.0, -1.0]), (1.0, 20.0, 1.3, [4.0, 2.0, 1.0])):
        transform.apply(image, torch.full((1, 7), value, dtype=torch.float64))
        angles, scales, shifts = seen.pop()
        np.testing.assert_allclose(angles, np.deg2rad([[angle] * 3]))
        np.testing.assert_allclose(scales, [[scale]])
        np.testing.assert_allclose(shifts, [shift])


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        ({"rotate_range": [20, -20]}, r"BatchRandAffine: rotate_range is \[20, -20\], which is reversed"),
        ({"scale_range": [0, 1]}, "scale_range is .*; expected numbers from 0.01 to 100"),
        ({"scale_range": 0.3}, "scale_range is 0.3; expected numbers from 0.01"),
        ({"shift_range": 5}, "shift_range is 5; expected numbers from -1 to 1"),
        ({"mode": "bicubic"}, "mode is 'bicubic'; expected one of bilinear, nearest"),
        ({"padding_mode": "wrap"}, "padding_mode is 'wrap'; expected one of zeros, border"),
    ],
)
def test_an_impossible_configuration_is_refused(options, complaint):
    with pytest.raises(InputError, match=complaint):
        BatchRandAffine(1.0, **options)
