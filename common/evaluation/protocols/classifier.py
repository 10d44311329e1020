"""The probe's linear classifier, with preprocessing and calibration fitted on the same training subjects."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial

import numpy as np
from sklearn.calibration import CalibratedClassifierCV
from sklearn.feature_selection import SelectKBest, VarianceThreshold, f_classif
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import balanced_accuracy_score
from sklearn.model_selection import StratifiedKFold, StratifiedShuffleSplit
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC

from ...errors import InputError
from ..subject_splits import SubjectSplits

__all__ = ["CLASSIFIERS", "FittedProbe", "fit_probe", "linear_classifier"]

#: Linear classifiers by name, created from the penalty C and the class weight.
CLASSIFIERS: dict[str, Callable[..., SVC | LogisticRegression]] = {
    "svm": partial(SVC, kernel="linear"),
    "logistic": partial(LogisticRegression, max_iter=10_000),  # it converges long before
}


@dataclass(frozen=True)
class FittedProbe:
    """A fitted probe.

    Args:
        pipeline: imputation, filter, scaler and classifier, fitted on all training subjects.
        calibrated: the pipeline with Platt's sigmoid, fitted on cross-validated decisions of the training subjects.
        c: chosen penalty.
    """

    pipeline: Pipeline
    calibrated: CalibratedClassifierCV
    c: float

    def decide(self, features: np.ndarray, positive: int = 1) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Classes, scores and probabilities of subjects.

        Args:
            features: features of the subjects, shape ``[n, d]``.
            positive: index of the positive class of two.

        Returns:
            Predicted classes ``[n]`` (the classifier's own decision), scores, probabilities ``[n, K]`` (calibrated).
            With two classes a score is the signed distance to the decision plane, ``[n]``, higher for ``positive``:
            unlike the raw decision value, whose scale depends on C, it can be pooled over folds. With more classes it
            is the decision function, one against the rest, ``[n, K]``.
        """
        with _expected_warnings():
            scores, norm = self.pipeline.decision_function(features), np.linalg.norm(self.pipeline[-1].coef_)
            if norm == 0:  # nothing distinguishes subjects
                scores = np.zeros_like(scores)
            elif scores.ndim == 1:
                scores = scores / norm * (1 if positive == 1 else -1)
            return self.pipeline.predict(features), scores, self.calibrated.predict_proba(features)


class VaryingFeatures(VarianceThreshold):
    """Drops constant features, but keeps them where all are constant, as those of a collapsed encoder."""

    def fit(self, features: np.ndarray, y: np.ndarray | None = None) -> VaryingFeatures:
        """Find the features that vary."""
        if constant(features):
            self.variances_ = np.full(features.shape[1], np.inf)
            return self
        return super().fit(features, y)


def constant(features: np.ndarray) -> bool:
    """Whether every feature has one value over all rows, shape ``[n, d]``, without those that are missing."""
    spread = np.nanmax(features, axis=0, initial=-np.inf) - np.nanmin(features, axis=0, initial=np.inf)
    return not (spread > 0).any()


def linear_classifier(
    kind: str = "svm", c: float = 1.0, class_weight: str | None = "balanced", select: int | None = None
) -> Pipeline:
    """Pipeline that drops features without values, imputes the median, drops constants, standardises and classifies.

    Args:
        kind: ``"svm"`` (Li et al. 2021: "a linear SVM") or ``"logistic"``, logistic regression, to which a linear layer
            with cross-entropy on a frozen network converges (Chiang et al. 2023, section 4.2: "we train a linear
            classifier on the top of the frozen base network").
        c: penalty of the classifier.
        class_weight: ``"balanced"`` weights classes by their inverse frequency (**ours**, the paper does not say);
            ``None`` weights all subjects equally.
        select: number of features to keep, those with the largest F of an analysis of variance over the classes ("the
            pipeline of feature preprocessing, feature selecting, and classification", Zhao and Yang 2021, section 3.4);
            ``None`` keeps all.
    """
    return make_pipeline(
        SimpleImputer(strategy="median"),  # drops features without any value, too
        VaryingFeatures(),
        StandardScaler(),
        *([] if select is None else [SelectKBest(f_classif, k=select)]),
        CLASSIFIERS[kind](C=c, class_weight=class_weight),
    )


def fit_probe(
    features: np.ndarray,
    labels: np.ndarray,
    subjects: np.ndarray | None = None,
    *,
    c_grid: Sequence[float],
    classifier: str = "svm",
    class_weight: str | None = "balanced",
    validation_fraction: float = 0.2,
    select: int | None = None,
    seed: int = 0,
) -> FittedProbe:
    """Choose the penalty on a part of the training subjects, then fit on all of them.

    "Within each fold, we employ 20% of training data to optimize the hyper-parameters" (Li et al. 2021, section 3). The
    criterion is balanced accuracy (**ours**); ties are resolved in favour of the smallest penalty. Features that are
    all constant give every subject the same score, and probabilities near the frequencies of the classes.

    Args:
        features: features of training images only, shape ``[n, d]``, float64, NaN for missing values.
        labels: class of each image, shape ``[n]``.
        subjects: subject of each image, shape ``[n]``, which splits keep together; by default all are different.
        c_grid: penalties to choose from.
        classifier: kind of classifier, see :func:`linear_classifier`.
        class_weight: class weight, see :func:`linear_classifier`.
        validation_fraction: part of the training subjects, stratified, on which the penalty is chosen.
        select: number of features to keep, see :func:`linear_classifier`; chosen on the training subjects alone.
        seed: random seed for the splits.

    Raises:
        InputError: no feature has a value, or a class has fewer than two subjects.
    """
    splits = SubjectSplits(labels, subjects)
    counts = splits.counts
    if counts[counts > 0].min() < 2 or np.count_nonzero(counts) < 2:
        raise InputError(f"{counts.tolist()} training subjects per class; expected two or more of each")
    if np.isnan(features).all():
        raise InputError("no feature has a value in a training subject")
    with _expected_warnings():
        split = splits.of(StratifiedShuffleSplit(n_splits=1, test_size=validation_fraction, random_state=seed))[0]
        c = _choose_c(features, labels, sorted(c_grid), (classifier, class_weight, select), split)
        folds = splits.of(StratifiedKFold(min(5, counts[counts > 0].min()), shuffle=True, random_state=seed))
        whole = linear_classifier(classifier, c, class_weight, select)
        calibrated = CalibratedClassifierCV(whole, cv=folds, ensemble=False)
        calibrated.fit(features, labels)
    return FittedProbe(calibrated.calibrated_classifiers_[0].estimator, calibrated, c)


def _choose_c(
    features: np.ndarray,
    labels: np.ndarray,
    c_grid: Sequence[float],
    kind: tuple[str, str | None, int | None],
    split: tuple[np.ndarray, np.ndarray],
) -> float:
    """The smallest of the best penalties; preprocessing does not depend on it and is fitted once."""
    fitting, validation = split
    classifier, class_weight, select = kind
    prepared = linear_classifier(select=select)[:-1].fit(features[fitting], labels[fitting]).transform(features)
    found = []
    for c in c_grid:
        fitted = CLASSIFIERS[classifier](C=c, class_weight=class_weight).fit(prepared[fitting], labels[fitting])
        found.append(balanced_accuracy_score(labels[validation], fitted.predict(prepared[validation])))
    return float(c_grid[int(np.argmax(found))])


@contextmanager
def _expected_warnings() -> Iterator[None]:
    """Ignore warnings about features without values or all constant, and about classes missing in validation."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Skipping features without any observed values")
        warnings.filterwarnings("ignore", message="y_pred contains classes not in y_true")
        warnings.filterwarnings("ignore", message="k=.* is greater than n_features")  # all of them are kept
        warnings.filterwarnings("ignore", message="Features .* are constant")  # kept where all are
        warnings.filterwarnings("ignore", message="invalid value encountered", module="sklearn.feature_selection")
        yield
