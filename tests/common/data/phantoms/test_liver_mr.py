from __future__ import annotations

import numpy as np
import pytest
from scipy.ndimage import binary_dilation, binary_erosion

from common.data.phantoms.liver_mr import LIVER_LABEL, LIVER_MODALITIES, TUMOUR_LABEL, liver_mr

SHAPE = (128, 96, 1)


def subject(seed: int = 0, stage_2: bool = True, modalities=LIVER_MODALITIES):
    return liver_mr(SHAPE, modalities, stage_2, 1.8, "phantom", 0, np.random.default_rng([seed, stage_2]))


def medians(images: np.ndarray, region: np.ndarray) -> np.ndarray:
    return np.array([np.median(image[region]) for image in images])


@pytest.mark.parametrize("seed", range(3))
def test_images_are_integers_on_the_grid_with_liver_and_tumour_in_the_mask(seed):
    images, mask = subject(seed)
    assert images.shape == (3, *SHAPE) and images.dtype == np.int16 and images.min() == 0
    assert mask.shape == SHAPE and mask.dtype == np.uint8 and set(np.unique(mask)) == {0, LIVER_LABEL, TUMOUR_LABEL}


@pytest.mark.parametrize("seed", range(3))
def test_tumours_are_dark_on_t1_and_bright_on_t2(seed):
    images, mask = subject(seed)
    liver, tumour = (medians(images, mask == label) for label in (LIVER_LABEL, TUMOUR_LABEL))
    assert tumour[0] < liver[0] and tumour[1] > liver[1]


@pytest.mark.parametrize("seed", range(3))
def test_where_fat_meets_water_the_out_of_phase_image_has_a_dark_outline(seed):
    images, mask = subject(seed)
    liver = mask > 0
    rim = (
        binary_dilation(liver[..., 0], iterations=2)[..., None] ^ binary_erosion(liver[..., 0], iterations=2)[..., None]
    )
    inside = binary_erosion(liver[..., 0], iterations=5)[..., None]
    darkest = [np.percentile(image[rim], 5) / np.median(image[inside]) for image in images]
    assert darkest[2] < 0.7 * darkest[0]


def test_modalities_come_in_the_order_asked():
    images, _ = subject(modalities=("OUT", "T1"))
    other, _ = subject(modalities=("T1", "OUT"))
    assert images.shape[0] == 2
    # Gain and noise differ by place; the anatomy does not.
    assert np.corrcoef(images[0].ravel(), other[1].ravel())[0, 1] > 0.97
    assert np.corrcoef(images[0].ravel(), other[0].ravel())[0, 1] < 0.95


def test_one_seed_gives_one_subject():
    for one, two in zip(subject(4), subject(4), strict=True):
        np.testing.assert_array_equal(one, two)
