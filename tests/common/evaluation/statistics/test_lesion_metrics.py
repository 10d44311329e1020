from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from common.errors import InputError
from common.evaluation import lesion_metrics


def naive_components(mask: np.ndarray, connectivity: int) -> list[set[tuple[int, ...]]]:
    """Lesions by flooding from voxel to voxel: neighbours differ by 1 in at most ``connectivity`` axes."""
    left = {tuple(voxel) for voxel in np.argwhere(mask).tolist()}
    found = []
    while left:
        lesion, front = set(), [left.pop()]
        while front:
            voxel = front.pop()
            lesion.add(voxel)
            for other in list(left):
                steps = [abs(a - b) for a, b in zip(voxel, other, strict=True)]
                if max(steps) == 1 and sum(steps) <= connectivity:
                    left.remove(other)
                    front.append(other)
        found.append(lesion)
    return found


def naive(prediction: np.ndarray, truth: np.ndarray, connectivity: int) -> dict[str, float]:
    a, r = ({tuple(voxel) for voxel in np.argwhere(mask).tolist()} for mask in (prediction, truth))
    predicted, true = naive_components(prediction, connectivity), naive_components(truth, connectivity)
    return {
        "dsc": 2 * len(a & r) / (len(a) + len(r)),
        "ppv": len(a & r) / len(a),
        "ltpr": sum(bool(lesion & a) for lesion in true) / len(true),
        "lfpr": sum(not lesion & r for lesion in predicted) / len(predicted),
    }


@pytest.mark.parametrize("connectivity", [1, 2, 3])
@pytest.mark.parametrize("seed", range(4))
def test_values_are_those_of_the_formulas_on_random_masks(connectivity, seed):
    rng = np.random.default_rng(seed)
    truth = rng.random((7, 6, 5)) < 0.12
    prediction = (truth & (rng.random(truth.shape) < 0.6)) | (rng.random(truth.shape) < 0.06)
    found = lesion_metrics(prediction, truth, connectivity)
    assert found == pytest.approx(naive(prediction, truth, connectivity))


def test_a_case_made_by_hand():
    truth, prediction = np.zeros((2, 12, 12), dtype=np.uint8), np.zeros((2, 12, 12), dtype=np.uint8)
    truth[1, 0:2, 0:2] = 1  # 4 voxels, of which one is found
    truth[1, 5, 5] = 1  # missed
    truth[1, 9, 0:3] = 1  # 3 voxels, found by two predictions
    prediction[1, 0, 0] = 1
    prediction[1, 9, 0] = prediction[1, 9, 2] = 1
    prediction[1, 0:2, 8:10] = 1  # 4 voxels made up
    found = lesion_metrics(prediction, truth)
    assert found == pytest.approx({"dsc": 2 * 3 / (7 + 8), "ppv": 3 / 7, "ltpr": 2 / 3, "lfpr": 1 / 4})


@pytest.mark.parametrize(("connectivity", "lesions"), [(1, 3), (2, 2), (3, 1)])
def test_voxels_touching_by_an_edge_or_a_corner_are_one_lesion_where_the_connectivity_says_so(connectivity, lesions):
    truth, prediction = np.zeros((4, 4, 4)), np.zeros((4, 4, 4))
    truth[0, 0, 0] = truth[0, 1, 1] = truth[1, 2, 2] = 1  # an edge apart, then a corner
    prediction[0, 0, 0] = 1
    assert lesion_metrics(prediction, truth, connectivity)["ltpr"] == pytest.approx(1 / lesions)


def test_the_default_is_that_of_the_challenge_eighteen_neighbours():
    truth = np.zeros((3, 3, 3))
    truth[0, 0, 0] = truth[1, 1, 0] = 1
    prediction = np.zeros_like(truth)
    prediction[0, 0, 0] = 1
    assert lesion_metrics(prediction, truth)["ltpr"] == 1.0


def test_cases_without_lesions_are_defined():
    none, some = np.zeros((3, 3, 3)), np.zeros((3, 3, 3))
    some[1, 1, 1] = 1
    assert lesion_metrics(none, none) == {"dsc": 1, "ppv": 1, "ltpr": 1, "lfpr": 0}
    assert lesion_metrics(none, some) == {"dsc": 0, "ppv": 0, "ltpr": 0, "lfpr": 0}
    made_up = lesion_metrics(some, none)
    assert (made_up["dsc"], made_up["ppv"], made_up["lfpr"]) == (0, 0, 1) and math.isnan(made_up["ltpr"])
    assert lesion_metrics(some, some) == {"dsc": 1, "ppv": 1, "ltpr": 1, "lfpr": 0}


def test_tensors_and_slices_are_taken_too():
    truth = torch.zeros(5, 5)
    truth[2, 2] = 1
    assert lesion_metrics(truth.bool(), truth)["dsc"] == 1


def test_other_shapes_and_connectivities_are_reported():
    with pytest.raises(InputError, match=r"found shape \(2, 3\), expected \(3, 2\)"):
        lesion_metrics(np.zeros((2, 3)), np.zeros((3, 2)))
    with pytest.raises(InputError, match="connectivity: found 18, expected 1 to 3"):
        lesion_metrics(np.zeros((2, 2, 2)), np.zeros((2, 2, 2)), 18)
