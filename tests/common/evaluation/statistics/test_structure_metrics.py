from __future__ import annotations

import numpy as np
import pytest
import torch

from common.errors import InputError
from common.evaluation import structure_metrics


def test_dice_of_each_label_is_twice_the_overlap_over_both_sizes():
    rng = np.random.default_rng(0)
    prediction, truth = rng.integers(0, 4, (2, 6, 5, 4))
    found = structure_metrics(torch.as_tensor(prediction), truth, num_classes=4)
    for label in (1, 2, 3):
        a, r = prediction == label, truth == label
        assert found[f"dice_{label}"] == pytest.approx(2 * (a & r).sum() / (a.sum() + r.sum()))
    assert found["dice"] == pytest.approx(np.mean([found[f"dice_{label}"] for label in (1, 2, 3)]))


def test_a_label_that_neither_has_counts_as_found_and_one_that_only_one_has_as_missed():
    found = structure_metrics([0, 1, 1], [0, 1, 1], num_classes=3)
    assert found == {"dice": 1.0, "dice_1": 1.0, "dice_2": 1.0}
    assert structure_metrics([0, 1, 2], [0, 1, 1], num_classes=3)["dice_2"] == 0.0


def test_other_shapes_are_refused():
    with pytest.raises(InputError, match="prediction: found shape"):
        structure_metrics(np.zeros((2, 3)), np.zeros((3, 2)), num_classes=2)
