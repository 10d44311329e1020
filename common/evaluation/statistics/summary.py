"""Numbers of a report: metrics of all methods with intervals, and tests of their differences."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

import numpy as np
import pandas as pd
from sklearn.metrics import balanced_accuracy_score

from ..predictions import Outcome, majority_baseline
from .compare import combine_p_values, corrected_resampled_t_test, delong_test, mcnemar_test
from .metrics import bootstrap_metrics, estimate

__all__ = ["compare_outcomes", "metrics_table", "summarise"]


def summarise(
    outcomes: Sequence[Outcome],
    *,
    classes: Sequence[str],
    positive: int = 1,
    resamples: int = 2000,
    confidence: float = 0.95,
    seed: int = 0,
) -> dict[str, Any]:
    """Metrics of all methods, of the majority class, and comparisons with the first method and the best one.

    Args:
        outcomes: result of :func:`outcomes_of`.
        classes: class names by label.
        positive: index of the positive class of two.
        resamples: number of bootstrap resamples over subjects.
        confidence: confidence level of the intervals.
        seed: random seed for the bootstrap.

    Returns:
        Plain Python values, ready for JSON.
    """
    labels = outcomes[0].labels
    options = {"positive": positive, "resamples": resamples, "seed": seed}
    results, aucs = _results([majority_baseline(outcomes[0]), *outcomes], confidence, options)
    baseline, results = results[0], results[1:]
    return {
        "subjects": len(labels),
        "classes": [
            {"name": str(name), "subjects": int(np.sum(labels == label))} for label, name in enumerate(classes)
        ],
        "positive": str(classes[positive]) if len(classes) == 2 else None,
        "folds": len(np.unique(outcomes[0].folds)),
        "redealt": outcomes[0].redealt,
        "fractions": sorted({outcome.fraction for outcome in outcomes}, reverse=True),
        "confidence": confidence,
        "resamples": resamples,
        "majority_class": baseline["metrics"],
        "results": results,
        "comparisons": _comparisons(outcomes, aucs, positive, confidence),
    }


def metrics_table(summary: dict[str, Any]) -> pd.DataFrame:
    """One row per method, fraction and metric: ``set, fraction, metric, value, low, high, std_over_seeds``."""
    majority = [{"set": "Majority class", "fraction": 1.0, "metrics": summary["majority_class"]}]
    return pd.DataFrame(
        [
            {"set": result["set"], "fraction": result["fraction"], "metric": name, **values}
            for result in majority + summary["results"]
            for name, values in result["metrics"].items()
        ]
    )


def _results(
    outcomes: Sequence[Outcome], confidence: float, options: dict[str, Any]
) -> tuple[list[dict[str, Any]], dict[tuple[str, float], tuple[np.ndarray, np.ndarray]]]:
    """Metrics of each outcome, and its AUC by seed and by resample."""
    results, aucs = [], {}
    for outcome in outcomes:
        points, draws = bootstrap_metrics(
            outcome.labels, outcome.predictions, outcome.probabilities, outcome.scores, **options
        )
        aucs[outcome.name, outcome.fraction] = points["auc"], draws["auc"]
        metrics = {name: asdict(estimate(points[name], draws[name], confidence)) for name in points}
        entry = {"set": outcome.name, "fraction": outcome.fraction, "seeds": list(outcome.seeds), "metrics": metrics}
        results.append(entry)
    return results, aucs


def _comparisons(
    outcomes: Sequence[Outcome],
    aucs: dict[tuple[str, float], tuple[np.ndarray, np.ndarray]],
    positive: int,
    confidence: float,
) -> list[dict[str, Any]]:
    """Each method against the first, and against the one with the largest AUC, at each label fraction."""
    found = []
    for fraction in sorted({outcome.fraction for outcome in outcomes}, reverse=True):
        here = [outcome for outcome in outcomes if outcome.fraction == fraction]
        best = max(here, key=lambda outcome: aucs[outcome.name, outcome.fraction][0].mean())
        for reference in [here[0]] if best is here[0] else [here[0], best]:
            # Each pair once: the best method has already been compared with the first.
            done = {here[0].name, reference.name}
            for outcome in (outcome for outcome in here if outcome.name not in done):
                difference = _difference(aucs[outcome.name, fraction], aucs[reference.name, fraction], confidence)
                found.append({**compare_outcomes(outcome, reference, positive), "auc_difference": difference})
    return found


def _difference(first: Sequence[np.ndarray], second: Sequence[np.ndarray], confidence: float) -> dict[str, float]:
    """First minus second, with the interval of paired resamples."""
    low, high = np.quantile(first[1] - second[1], [(1 - confidence) / 2, (1 + confidence) / 2])
    return {"value": float(first[0].mean() - second[0].mean()), "low": float(low), "high": float(high)}


def compare_outcomes(first: Outcome, second: Outcome, positive: int = 1) -> dict[str, Any]:
    """Tests of two methods at the same label fraction.

    Args:
        first: predictions of the method.
        second: predictions of the reference, for the same subjects.
        positive: index of the positive class of two.

    Returns:
        ``set``, ``reference``, ``fraction``, ``mcnemar_p``, ``delong_p``, ``balanced_accuracy_difference`` and
        ``resampled_t_p``, ``None`` where a test does not apply; p-values of several seeds are combined by
        :func:`combine_p_values`.
    """
    labels = first.labels
    pairs = list(itertools.product(range(len(first.seeds)), range(len(second.seeds))))
    if first.seeds == second.seeds:
        pairs = [(index, index) for index in range(len(first.seeds))]
    mcnemar = [mcnemar_test(first.predictions[i] == labels, second.predictions[j] == labels) for i, j in pairs]
    comparison: dict[str, Any] = {
        "fraction": first.fraction,
        "set": first.name,
        "reference": second.name,
        "mcnemar_p": combine_p_values(np.array([test.p_exact for test in mcnemar])),
        "delong_p": None,
        "balanced_accuracy_difference": None,
        "resampled_t_p": None,
    }
    if first.num_classes == 2:
        tests = [delong_test(labels == positive, first.scores[i], second.scores[j]) for i, j in pairs]
        comparison["delong_p"] = combine_p_values(np.array([test.p for test in tests]))
    if _same_folds(first, second):
        number = len(np.unique(first.folds))
        test = corrected_resampled_t_test(_by_fold(first) - _by_fold(second), 1 / (first.fraction * (number - 1)))
        comparison["balanced_accuracy_difference"], comparison["resampled_t_p"] = test.difference, test.p
    return comparison


def _same_folds(first: Outcome, second: Outcome) -> bool:
    """Whether two methods can be compared fold by fold: several folds, the same ones, with all classes in each."""
    if first.redealt or second.redealt:
        alike = first.seeds == second.seeds and np.array_equal(first.folds, second.folds)
    else:
        alike = np.array_equal(first.folds[0], second.folds[0])
    numbers = np.unique(first.folds)
    complete = (
        len(np.unique(first.labels[folds == fold])) == first.num_classes for folds in first.folds for fold in numbers
    )
    return alike and len(numbers) > 1 and all(complete)


def _by_fold(outcome: Outcome) -> np.ndarray:
    """Balanced accuracy of each fold.

    Seeds with the same folds are no further samples, so their mean is used. With different folds for each seed, every
    fold of every seed counts: repeated cross-validation, with the test's same correction (Bouckaert and Frank 2004).
    """
    found = [
        [
            balanced_accuracy_score(outcome.labels[folds == fold], predictions[folds == fold])
            for predictions, folds in zip(outcome.predictions, outcome.folds, strict=True)
        ]
        for fold in np.unique(outcome.folds)
    ]
    return np.ravel(found) if outcome.redealt else np.mean(found, axis=1)
