"""Splits of images that keep each subject in one part."""

from __future__ import annotations

import numpy as np
from sklearn.model_selection import StratifiedKFold, StratifiedShuffleSplit

__all__ = ["SubjectSplits"]


class SubjectSplits:
    """Splits of subjects, stratified by class, applied to their images.

    scikit-learn's own splitters by group stratify by each image's class: with one image per subject their splits would
    differ from those of ``StratifiedKFold``.

    Args:
        labels: class of each image, ``0..K-1``, shape ``[n]``; a subject has the class of its first image.
        subjects: subject of each image, shape ``[n]``; by default all are different.
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
        """Indices of the training and of the test images, in ascending order, for each split."""

        def images(part: np.ndarray) -> np.ndarray:
            """Places of the images of some subjects."""
            return np.flatnonzero(np.isin(self.subjects, self.names[part]))

        return [(images(train), images(test)) for train, test in splitter.split(self.names, self.classes)]
