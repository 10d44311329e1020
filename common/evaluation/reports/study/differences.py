"""Differences of all methods from the chosen one, and why tests on the same page may disagree."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ...predictions import Outcome
from ...statistics.summary import compare_outcomes
from .judged import MAJORITY, Difference, Judged

__all__ = ["LEVEL", "Comparison", "compare_all", "explanations", "shown_p", "with_p"]

LEVEL = 0.05


@dataclass(frozen=True)
class Comparison:
    """The chosen method minus another one.

    Attributes:
        method: name of the other method.
        auc: difference in AUC.
        balanced_accuracy: difference in balanced accuracy.
        tests: p-values of DeLong's, McNemar's and the corrected resampled t-test by name, as far as they apply.
    """

    method: str
    auc: Difference
    balanced_accuracy: Difference
    tests: Mapping[str, float]

    @property
    def reading(self) -> str:
        """What the interval of the AUC says, in words."""
        if not self.auc.decided:
            return "not decided"
        return "chosen is better" if self.auc.value > 0 else "chosen is worse"


def compare_all(judged: Judged, outcomes: Mapping[str, Outcome], method: str, positive: int) -> list[Comparison]:
    """Compare the chosen method with each other one, in the order of the others' AUC."""
    others = sorted(
        (name for name in judged.methods if name != method), key=lambda name: -judged.points[name]["auc"].mean()
    )
    found = []
    for name in others:
        tests = compare_outcomes(outcomes[method], outcomes[name], positive)
        known = {"DeLong": tests["delong_p"], "McNemar": tests["mcnemar_p"], "resampled t": tests["resampled_t_p"]}
        auc, balanced = (judged.difference(method, name, metric) for metric in ("auc", "balanced_accuracy"))
        found.append(Comparison(name, auc, balanced, {key: p for key, p in known.items() if p is not None}))
    return found


def explanations(
    comparisons: Sequence[Comparison],
    judged: Judged,
    outcomes: Mapping[str, Outcome],
    method: str,
    summary: Mapping[str, Any],
) -> list[str]:
    """A sentence for each kind of statistics on the page that seem to contradict each other.

    Args:
        comparisons: result of :func:`compare_all`.
        judged: metrics of all methods.
        outcomes: predictions of each method.
        method: name of the chosen method.
        summary: content of ``metrics.json``.
    """
    found = [
        sentence for name in ("DeLong", "McNemar", "resampled t") for sentence in _test(name, comparisons, outcomes)
    ]
    found += _metrics_disagree(comparisons)
    found += _below_majority(judged)
    found += _probabilities_too_close(judged)
    found += _without_width(judged, summary)
    if len(outcomes[method].seeds) > 1:
        found.append(
            f"Metrics are means over {len(outcomes[method].seeds)} seeds. The confusion counts each subject once, by "
            "its mean probability over the seeds, so its accuracy may differ from the mean accuracy of single runs."
        )
    return found


def _test(name: str, comparisons: Sequence[Comparison], outcomes: Mapping[str, Outcome]) -> Iterator[str]:
    """Comparisons in which the AUC's interval and a test come to different decisions."""
    differing = [
        found for found in comparisons if name in found.tests and found.auc.decided != (found.tests[name] < LEVEL)
    ]
    if not differing:
        return
    listed = ", ".join(f"{found.method} ({with_p(found.tests[name])})" for found in differing[:4])
    several = len(next(iter(outcomes.values())).seeds) > 1
    reasons = {
        "DeLong": (
            "over several seeds its p-value is twice the median of the seeds' and so larger than any single one, while "
            "the interval is of the mean over seeds"
            if several
            else "it assumes a normal distribution, the interval resamples, and the difference lies at the edge"
        ),
        "McNemar": (
            "it compares which subjects are classified correctly at the threshold, the AUC how all subjects are "
            "ranked; one can differ without the other"
        ),
        "resampled t": (
            "it compares balanced accuracies of folds and has as many samples as there are folds; with few of them it "
            "is rarely significant, and sometimes by accident"
        ),
    }
    title = {"DeLong": "DeLong's test", "McNemar": "McNemar's test", "resampled t": "The resampled t-test"}[name]
    yield (
        f"{title} and the interval of the AUC disagree for {listed}: {reasons[name]}. The page decides by the interval."
    )


def _metrics_disagree(comparisons: Sequence[Comparison]) -> Iterator[str]:
    opposite = [found for found in comparisons if found.auc.value * found.balanced_accuracy.value < 0]
    if opposite:
        listed = ", ".join(found.method for found in opposite[:4])
        yield (
            f"AUC and balanced accuracy rank the chosen method differently against {listed}: the AUC does not depend "
            "on the threshold, the balanced accuracy does; calibration moves the second and not the first."
        )


def _below_majority(judged: Judged) -> Iterator[str]:
    majority = judged.metric(MAJORITY, "accuracy").value
    below = [
        name
        for name in judged.methods
        if judged.metric(name, "accuracy").value <= majority and judged.metric(name, "auc").low > 0.5
    ]
    if below:
        yield (
            f"{', '.join(below[:4])}: no more accurate than the majority class ({majority:.0%}), although the AUC is "
            "above chance. Classes are weighted in training, so that the rare class is found at the cost of accuracy; "
            "compare balanced accuracies."
        )


def _probabilities_too_close(judged: Judged) -> Iterator[str]:
    majority = judged.metric(MAJORITY, "brier").value
    poor = [
        name
        for name in judged.methods
        if judged.metric(name, "brier").value >= majority - 0.0005 and judged.metric(name, "auc").low > 0.5
    ]
    if poor:
        yield (
            f"{', '.join(poor[:4])}: the Brier score is no better than that of the majority class ({majority:.3f}), "
            "although the AUC is above chance. Subjects are in the right order, but their probabilities are too close "
            "to each other or too sure, as after a short training; a calibration may correct that."
        )


def _without_width(judged: Judged, summary: Mapping[str, Any]) -> Iterator[str]:
    perfect = [
        name
        for name in judged.methods
        if (found := judged.metric(name, "auc")).high - found.low < 1e-9 and found.value > 0.999
    ]
    if perfect:
        yield (
            f"{', '.join(perfect[:4])}: an interval of zero width is no certainty. All {summary['subjects']} subjects "
            "were ranked perfectly; up to 3 in as many could still be wrong (the rule of three)."
        )


def with_p(value: float) -> str:
    """A p-value in a sentence."""
    text = shown_p(value)
    return f"p {text}" if text.startswith("<") else f"p = {text}"


def shown_p(value: float) -> str:
    """A p-value in a table."""
    return "< 0.001" if value < 0.001 else f"{value:.3f}" if value < 0.1 else f"{value:.2f}"
