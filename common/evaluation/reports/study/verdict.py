"""The verdict of a comparison in three sentences: which method, how good, what the cohort cannot decide."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ...statistics.metrics import Estimate
from .judged import MAJORITY, Difference, Judged

__all__ = ["BASELINES", "FEW_NUMBERS", "Verdict", "conclude", "simplest_baseline"]

#: Kinds of methods that need a few numbers of a lesion alone.
FEW_NUMBERS = ("outline", "position", "composition", "modality_differences")
#: Kinds of methods from the simplest one on; pre-trained ones and means are no baselines.
BASELINES = (*FEW_NUMBERS, "radiomics", "imagenet_slices", "scratch", "imagenet")
SHOWN = 4  # methods by name in a sentence


@dataclass(frozen=True)
class Verdict:
    """The conclusion of a comparison.

    Attributes:
        method: name of the chosen method.
        baseline: name of the simplest baseline among the others, ``None`` without one.
        undecided: methods whose AUC the cohort cannot distinguish from that of the chosen one.
        sentences: three sentences.
    """

    method: str
    baseline: str | None
    undecided: tuple[str, ...]
    sentences: tuple[str, str, str]


def simplest_baseline(kinds: Mapping[str, str], method: str | None = None) -> str | None:
    """The simplest method without pre-training, in the order of :data:`BASELINES`, other than ``method``.

    Args:
        kinds: kind of each method by name.
        method: method to leave out.
    """
    found = [name for kind in BASELINES for name, its in kinds.items() if its == kind and name != method]
    return found[0] if found else None


def conclude(
    judged: Judged, summary: Mapping[str, Any], kinds: Mapping[str, str], chosen: str | None = None
) -> Verdict:
    """Conclude a comparison.

    Args:
        judged: metrics of all methods.
        summary: content of ``metrics.json``.
        kinds: kind of each method by name: one of :data:`BASELINES`, pretrained, probe or mean.
        chosen: chosen method; default: the one with the largest AUC.
    """
    method = chosen if chosen in judged.methods else judged.best("auc")
    baseline = simplest_baseline(kinds, method)
    others = [name for name in judged.methods if name != method]
    differences = {name: judged.difference(method, name, "auc") for name in others}
    undecided = tuple(name for name, found in differences.items() if not found.decided)
    sentences = (
        _which(judged, summary, method),
        _compared(judged, summary, method, baseline, kinds),
        _not_decided(judged, summary, method, undecided, differences),
    )
    return Verdict(method, baseline, undecided, sentences)


def _which(judged: Judged, summary: Mapping[str, Any], method: str) -> str:
    auc, accuracy = judged.metric(method, "auc"), judged.metric(method, "accuracy")
    names = [str(entry["name"]) for entry in summary["classes"]]
    what = f"{names[0]} from {names[1]}" if len(names) == 2 else f"the {len(names)} classes"
    best = judged.best("auc")
    rank = f"separates {what}" if auc.low > 0.5 else f"cannot be shown to separate {what}"
    if len(judged.methods) > 1 and method == best:
        rank += f" best of {len(judged.methods)} methods" if auc.low > 0.5 else ", though its AUC is the largest"
    elif method != best:
        rank += f", chosen although {best} has the largest AUC ({judged.metric(best, 'auc').value:.2f})"
    level = f"{judged.confidence:.0%} interval"
    return (
        f"{method} {rank}: on {summary['subjects']} held-out subjects its AUC is {auc.value:.2f} "
        f"({level} {_range(auc)}), and {_percent(accuracy.value)} "
        f"({_percent(accuracy.low)} to {_percent(accuracy.high)}) of them are classified correctly."
    )


def _compared(
    judged: Judged, summary: Mapping[str, Any], method: str, baseline: str | None, kinds: Mapping[str, str]
) -> str:
    own, majority = judged.metric(method, "balanced_accuracy"), judged.metric(MAJORITY, "accuracy")
    chance = judged.metric(MAJORITY, "balanced_accuracy")
    text = (
        f"Always answering the most frequent class is correct in {_percent(majority.value)}, with a balanced accuracy "
        f"of {chance.value:.2f} against {own.value:.2f} ({_range(own)})"
    )
    if baseline is None:
        other = "other baseline" if kinds.get(method) in BASELINES else "baseline without pre-training"
        return f"{text}; no {other} was compared."
    found = judged.difference(method, baseline, "auc")
    auc = judged.metric(baseline, "auc")
    order = [kind for kind in BASELINES if kind in (kinds.get(method), kinds.get(baseline))]
    itself = "the next" if order[0] == kinds.get(method) and method != baseline else "the simplest"
    verdict = "which is beyond chance" if found.decided else "which is within chance"
    return (
        f"{text}; {itself} baseline, {baseline}, has an AUC of {auc.value:.2f} ({_range(auc)}), a difference of "
        f"{_signed(found)}, {verdict}."
    )


def _not_decided(
    judged: Judged,
    summary: Mapping[str, Any],
    method: str,
    undecided: Sequence[str],
    differences: Mapping[str, Difference],
) -> str:
    rarest = min(summary["classes"], key=lambda entry: entry["subjects"])
    cohort = f"with {rarest['subjects']} subjects of the rarest class, {rarest['name']},"
    if not differences:
        auc = judged.metric(method, "auc")
        return (
            f"The cohort cannot decide whether another method is better, as only one was compared; {cohort} an AUC is "
            f"known to about ±{(auc.high - auc.low) / 2:.2f}."
        )
    width = float(np.median([(found.high - found.low) / 2 for found in differences.values()]))
    better = [name for name, found in differences.items() if found.decided and found.value < 0]
    ahead = f"{_named(better)} {'has' if len(better) == 1 else 'have'} a higher AUC beyond chance" if better else ""
    if undecided:
        return (
            f"The cohort cannot decide between {method} and {_named(undecided)}: {cohort} differences in AUC below "
            f"about {width:.2f} are within chance{f'; {ahead}' if ahead else ''}, and patients of other hospitals were "
            "not tested."
        )
    others = "The other method has" if len(differences) == 1 else f"All {len(differences)} other methods have"
    return (
        f"{ahead or f'{others} a lower AUC beyond chance'}; the cohort cannot decide differences "
        f"below about {width:.2f} ({rarest['subjects']} subjects of the rarest class, {rarest['name']}), nor how the "
        "methods perform in other hospitals."
    )


def _named(names: Sequence[str]) -> str:
    return ", ".join(names[:SHOWN]) + (f" and {len(names) - SHOWN} more" * (len(names) > SHOWN))


def _percent(share: float) -> str:
    """A share in percent, rounded as in the tables, which have two digits."""
    return f"{float(f'{share:.2f}'):.0%}"


def _range(found: Estimate) -> str:
    return f"{found.low:.2f} to {found.high:.2f}"


def _signed(found: Difference) -> str:
    return f"{found.value:+.2f} ({found.low:+.2f} to {found.high:+.2f})"
