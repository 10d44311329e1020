"""Notes on the protocol for a probe's report."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

__all__ = ["probe_notes"]

CLASSIFIER_NAMES = {"svm": "Linear SVM", "logistic": "Logistic regression"}


def probe_notes(
    per_fold: Sequence[str],
    shared: Sequence[str],
    *,
    transductive: bool,
    shuffle_labels: bool,
    options: Mapping[str, Any],
    folds: int,
    seeds: Sequence[int],
) -> list[str]:
    """Sentences for the report.

    Args:
        per_fold: feature sets of one encoder per fold.
        shared: feature sets of one table for all folds.
        transductive: whether pre-training saw the test subjects' images.
        shuffle_labels: whether the training labels were shuffled.
        options: options of :func:`~common.evaluation.fit_probe`.
        folds: number of outer folds.
        seeds: random seeds of the probe.
    """
    notes = []
    if shuffle_labels:
        notes.append("**Negative control**: training labels were shuffled; results above chance show an error.")
    if transductive:
        notes.append("Pre-training was **transductive**: it saw the images, not the labels, of all subjects.")
    if per_fold:
        notes.append(f"Pre-training was per fold, without the held-out subjects: {', '.join(per_fold)}.")
    if shared and not transductive:
        notes.append(
            f"One table is used for all folds, with features declared not to be fitted on these subjects "
            f"(`transductive: false`): {', '.join(shared)}."
        )
    part, weight = options["validation_fraction"], options["class_weight"]
    notes.append(
        f"{CLASSIFIER_NAMES[options['classifier']]}, class weight {weight or 'equal'}, C out of {options['c_grid']} by "
        f"balanced accuracy on {part:.0%} of the training subjects, refitted on all of them; imputation, scaling and "
        f"Platt's calibration are fitted on training subjects only; {folds} outer folds, seeds {list(seeds)}."
    )
    return notes
