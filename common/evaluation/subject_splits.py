"""Splits of images that never part a subject."""

from __future__ import annotations

import numpy as np
from sklearn.model_selection import StratifiedKFold, StratifiedShuffleSplit

__all__ = ["SubjectSplits"]


class SubjectSplits:
    """Subjects, stratified by class, are split, and their images follow.

    scikit-learn's own splitters by group look at each image's class: with one image of each subject they would deal
    otherwise than ``StratifiedKFold`` does.

    Args:
        labels: class of each image, ``0..K-1``, shape ``[n]``; a subject counts to the class of its first image.
        subjects: whose images these are, shape ``[n]``; by default each is another's.
    """

    def __init__(self, labels: np.ndarray, subjects: np.ndarray | None = None) -> None:
        self.subjects = np.arange(len(labels)) if subjects is None else np.asarray(subjects)
        self.names, first = np.unique(self.subjects, return_index=True)
        self.classes = np.asarray(labels)[first]

    @property
    def counts(self) -> np.ndarray:
        """Number of subjects of each class, shape ``[K]``."""
        return np.bincount(self.classes)

    def of(self, splitter: StratifiedKFold | StratifiedShuffleSplit) -> list[tuple[np.ndarray, np.ndarray]]:
        """Indices of the images to fit on and of those to leave out, in ascending order, for each split."""
        return [
            tuple(np.flatnonzero(np.isin(self.subjects, self.names[part])) for part in parts)
            for parts in splitter.split(self.names, self.classes)
        ]
