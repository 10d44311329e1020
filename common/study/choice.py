"""The row of a comparison that becomes the final model."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ..errors import InputError

__all__ = ["NETWORKS", "choose_row", "main_metric", "networks_of"]

NETWORKS = ("scratch", "imagenet", "pretrained")  # kinds of rows that are a network, simpler ones first
NORMAL = 1.959964  # half the width of a 95 % interval, in standard errors


def main_metric(summary: Mapping[str, Any]) -> str:
    """The metric that decides: the area under the ROC curve, or the Dice coefficient of a segmentation."""
    known = summary["results"][0]["metrics"]
    return next(name for name in ("auc", "dice", "dsc", *known) if name in known)


def networks_of(rows: Sequence[Mapping[str, str]], wanted: str | None = None) -> list[Mapping[str, str]]:
    """Rows that can become the final model, also before anything is trained.

    Args:
        rows: rows of ``study.json``.
        wanted: text of the row that the plan asks for.

    Raises:
        InputError: no row is a network, or ``wanted`` is none of them.
    """
    networks = [row for row in rows if row["kind"] in NETWORKS]
    if not networks:
        raise InputError("plan.yaml: methods: found no network, expected one such as scratch; add it")
    known = [row["text"] for row in networks]
    if wanted is not None and wanted not in known:
        expected = f"one of {', '.join(known)}, or null"
        raise InputError(f"plan.yaml: final: method: found {wanted}, expected {expected}; correct it")
    return networks


def choose_row(
    summary: Mapping[str, Any], rows: Sequence[Mapping[str, str]], wanted: str | None = None, tested: bool = False
) -> dict[str, Any]:
    """The simplest network within one standard error of the best ("one-standard-error rule", Breiman et al. 1984).

    Networks that were not pre-trained are simpler than those that were; of equals the first one counts. Rows that are
    no network of their own, radiomics and linear probes, are compared but cannot be handed on as one.

    The scores of a separate test set choose nothing, as they would no longer be those of unseen subjects: without a row
    that the plan names, the simplest network is taken.

    Args:
        summary: content of ``metrics.json`` of the comparison.
        rows: rows of ``study.json``.
        wanted: text of the row that the plan asks for.
        tested: whether the scores are those of a separate test set.

    Returns:
        ``text``, ``name``, ``metric``, ``value``, ``low``, ``high``, ``reason``.

    Raises:
        InputError: no row is a network, or ``wanted`` is none of them.
    """
    metric, fraction = main_metric(summary), max(summary.get("fractions") or [1.0])
    scores = {
        entry["set"]: entry["metrics"][metric]
        for entry in summary["results"]
        if entry.get("fraction", fraction) == fraction
    }
    networks = [row for row in networks_of(rows, wanted) if row["name"] in scores]
    best = max(networks, key=lambda row: scores[row["name"]]["value"])
    if wanted is not None:
        row, reason = next(row for row in networks if row["text"] == wanted), "the plan names it"
    elif tested:
        row = min(networks, key=lambda each: NETWORKS.index(each["kind"]))
        reason = "the simplest network; a test set chooses none, final: method in plan.yaml does"
    else:
        score = scores[best["name"]]
        least = score["value"] - (score["high"] - score["low"]) / (2 * NORMAL)
        close = [row for row in networks if scores[row["name"]]["value"] >= least]
        row = min(close, key=lambda each: NETWORKS.index(each["kind"]))
        reason = "the best of the networks"
        if row is not best:
            reason = f"simpler than {best['name']}, and within one standard error of it"
        top = max(scores, key=lambda name: scores[name]["value"])
        if scores[top]["value"] > scores[best["name"]]["value"]:
            reason += f"; {top} scores higher but is not a network that can be deployed"
    chosen = scores[row["name"]]
    numbers = {name: chosen[name] for name in ("value", "low", "high")}
    return {"text": row["text"], "name": row["name"], "metric": metric, **numbers, "reason": reason}
