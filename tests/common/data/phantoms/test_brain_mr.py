from __future__ import annotations

import numpy as np
import pytest
from scipy.ndimage import label
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import cross_val_predict
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from common.data.phantoms.brain_mr import MR_MODALITIES, brain_mr
from common.data.phantoms.glioma import ENHANCING, NECROSIS, OEDEMA, draw_traits

SHAPE = (40, 44, 36)


def draw(seed: int, is_high_grade: bool = True, centre: str = "TCIA", separation: float = 2.4, shape=SHAPE):
    return brain_mr(shape, MR_MODALITIES, is_high_grade, separation, centre, 0, np.random.default_rng(seed))


def test_images_and_mask_have_the_types_and_labels_of_brats():
    images, mask = draw(0)
    assert images.shape == (4, *SHAPE) and images.dtype == np.int16
    assert mask.shape == SHAPE and mask.dtype == np.uint8
    assert set(np.unique(mask)) <= {0, NECROSIS, OEDEMA, ENHANCING}


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("is_high_grade", [False, True])
def test_the_brain_is_one_piece_with_background_around_and_the_tumour_inside(seed, is_high_grade):
    images, mask = draw(seed, is_high_grade)
    brain = (images > 0).all(axis=0)
    np.testing.assert_array_equal(brain, (images > 0).any(axis=0))
    pieces, _ = label(brain)
    assert np.bincount(pieces.ravel())[1:].max() > 0.98 * brain.sum()
    assert 0.15 < brain.mean() < 0.45
    assert not brain[[0, -1]].any() and not brain[:, [0, -1]].any()
    assert mask.any() and brain[mask > 0].all()
    assert (mask > 0).sum() < 0.4 * brain.sum()


def test_contrasts_are_those_of_the_sequences():
    oedema, enhancing = np.mean([_contrasts(seed) for seed in range(6)], axis=0)
    flair, t1, t1ce, t2 = range(4)
    assert oedema[flair] > 1.1 and oedema[t2] > 0.9 and oedema[t1] < 0.9
    assert enhancing[t1ce] > 1.2 * enhancing[t1]


def _contrasts(seed: int) -> np.ndarray:
    """Mean intensity of oedema and of enhancing tumour per modality, where the brightest fifth of the rest begins at 1.

    On T1 that fifth is white matter, on FLAIR grey matter, on T2 fluid.
    """
    images, mask = draw(seed)
    rest = (images[0] > 0) & (mask == 0)
    return np.array(
        [[i[mask == part].mean() / np.percentile(i[rest], 80) for i in images] for part in (OEDEMA, ENHANCING)]
    )


def test_one_seed_gives_one_subject_and_another_seed_another():
    one, again, other = draw(1), draw(1), draw(2)
    np.testing.assert_array_equal(one[0], again[0])
    np.testing.assert_array_equal(one[1], again[1])
    assert (one[1] != other[1]).any()


def test_centres_differ_in_gain_and_noise_but_not_in_anatomy():
    (one, mask), (two, same_mask) = draw(1, centre="CBICA"), draw(1, centre="TMC")
    np.testing.assert_array_equal(mask, same_mask)
    ratios = [b[b > 0].mean() / a[a > 0].mean() for a, b in zip(one, two, strict=True)]
    assert max(ratios) > 1.2 or min(ratios) < 0.8


def test_the_grades_traits_are_as_far_apart_as_asked():
    for separation, low, high in ((0.0, 0.45, 0.55), (2.4, 0.85, 0.97)):
        rng = np.random.default_rng(0)
        labels = np.arange(1000) % 2
        traits = [draw_traits(bool(label), separation, rng) for label in labels]
        auc = roc_auc_score(labels, [t.necrosis + t.enhancement + t.oedema for t in traits])
        assert low < auc < high


@pytest.mark.slow
def test_a_linear_classifier_on_simple_features_is_good_but_not_perfect():
    labels = np.array([i % 4 > 0 for i in range(120)])
    features = [_simple_features(*draw(1000 + i, bool(label), shape=(40, 40, 40))) for i, label in enumerate(labels)]
    model = make_pipeline(StandardScaler(), LogisticRegression(C=0.1, max_iter=2000, class_weight="balanced"))
    scores = cross_val_predict(model, np.array(features), labels, cv=5, method="decision_function")
    assert 0.8 < roc_auc_score(labels, scores) < 0.96


def _simple_features(images: np.ndarray, mask: np.ndarray) -> list[float]:
    tumour, rest = mask > 0, (images[0] > 0) & (mask == 0)
    features = [float(tumour.sum())]
    for image in images:
        voxels = image[tumour] / image[rest].mean()
        features += [voxels.mean(), voxels.std(), *np.percentile(voxels, (10, 90))]
    return features
