"""Radiomics of the phantoms distinguish the classes by as much as asked for, and not at all where they are alike."""

from __future__ import annotations

import numpy as np
import pytest
import SimpleITK as sitk
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import StratifiedKFold, cross_val_predict
from sklearn.pipeline import make_pipeline

from common.data.cohorts.kits import KITS_LABELS
from common.data.phantoms.kidney_ct import kidney_ct
from common.data.phantoms.scanner import scanner_of
from common.data.phantoms.thyroid_us import thyroid_us, ultrasound_of
from common.radiomics import RadiomicsSettings, extract_features
from common.radiomics.scaling import scaling_pipeline

pytest.importorskip("radiomics")


def nodule(label: int, separation: float, seed: int) -> tuple[np.ndarray, np.ndarray]:
    return thyroid_us((96, 128), bool(label), separation, ultrasound_of("A", 0), np.random.default_rng(seed))


def tumour(label: int, separation: float, seed: int) -> tuple[np.ndarray, np.ndarray]:
    options = KITS_LABELS[label], separation, scanner_of("A", 1, 0), np.random.default_rng(seed)
    image, mask = kidney_ct((68, 50, 28), (5.0, 5.0, 6.0), *options)
    return image, np.asarray(mask == 2, dtype=np.uint8)


def auc(draw, num_classes: int, count: int, separation: float) -> float:
    """Area under the curve of a logistic regression on unseen cases; of several classes the mean, each against all."""
    labels = np.arange(count) % num_classes
    classes = {"shape": [], "firstorder": [], "glrlm": []}
    settings = RadiomicsSettings.load({"setting": {"binWidth": 16}, "featureClass": classes})
    features = []
    for seed, label in enumerate(labels):
        image, mask = (sitk.GetImageFromArray(array) for array in draw(label, separation, seed))
        features.append(list(extract_features(image, mask, settings).values()))
    model = make_pipeline(scaling_pipeline(), LogisticRegression(C=0.1, max_iter=2000))
    folds = StratifiedKFold(4, shuffle=True, random_state=0)
    scores = cross_val_predict(model, np.array(features), labels, cv=folds, method="predict_proba")
    return roc_auc_score(labels, scores[:, 1] if num_classes == 2 else scores, multi_class="ovr")


@pytest.mark.parametrize(("draw", "num_classes", "count"), [(nodule, 2, 40), (tumour, 4, 40)])
def test_radiomics_distinguish_the_classes_where_they_differ_and_only_there(draw, num_classes, count):
    apart, alike = (auc(draw, num_classes, count, separation) for separation in (5.0, 0.0))
    assert apart > 0.85
    assert alike < 0.70
