from __future__ import annotations

import numpy as np
from sklearn.model_selection import StratifiedKFold, StratifiedShuffleSplit

from common.evaluation.subject_splits import SubjectSplits

SPLITTERS = (StratifiedKFold(3, shuffle=True, random_state=1), StratifiedShuffleSplit(2, test_size=0.3, random_state=1))


def test_one_image_of_each_subject_is_split_as_scikit_learn_does():
    labels = np.array([0, 1, 1] * 6)
    for splitter in SPLITTERS:
        found, expected = SubjectSplits(labels).of(splitter), list(splitter.split(labels, labels))
        assert len(found) == len(expected)
        for parts, wanted in zip(found, expected, strict=True):
            assert all(np.array_equal(part, np.sort(one)) for part, one in zip(parts, wanted, strict=True))


def test_images_of_a_subject_stay_together_and_all_are_used():
    subjects = np.repeat(["b", "a", "d", "c", "f", "e"], [3, 1, 2, 1, 1, 4])
    labels = np.repeat([0, 0, 0, 1, 1, 1], [3, 1, 2, 1, 1, 4])
    splits = SubjectSplits(labels, subjects)
    assert splits.counts.tolist() == [3, 3]
    for splitter in SPLITTERS:
        for fitting, left_out in splits.of(splitter):
            assert sorted([*fitting, *left_out]) == list(range(12))
            assert not set(subjects[fitting]) & set(subjects[left_out])
            assert set(labels[fitting]) == set(labels[left_out]) == {0, 1}
