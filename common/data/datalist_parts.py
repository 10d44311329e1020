"""Which rows of a datalist a run uses."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from typing import Any

import numpy as np

from ..errors import InputError

__all__ = ["keep_label_fraction", "mark_unlabelled", "select_part"]

Rows = list[dict[str, Any]]


def select_part(rows: Sequence[dict[str, Any]], part: str, fold: int | None) -> Rows:
    """The rows to train on or to hold out, in their order.

    Args:
        rows: rows, each with an int ``fold`` unless ``part`` is "all".
        part: "all", "train" (rows of the other folds) or "held_out" (rows of ``fold``).
        fold: the fold that is held out.

    Raises:
        InputError: when there is no such part, or no row has that fold.
    """
    if part == "all":
        return list(rows)
    if part not in ("train", "held_out"):
        raise InputError(f"part: found {part!r}, expected 'all', 'train' or 'held_out'")
    folds = sorted({row["fold"] for row in rows})
    if fold not in folds:
        found = "none" if fold is None else repr(fold)
        raise InputError(f"fold: found {found}, expected one of {folds} (part is {part!r}); set --fold")
    return [row for row in rows if (row["fold"] == fold) == (part == "held_out")]


def keep_label_fraction(rows: Sequence[dict[str, Any]], fraction: float, seed: int = 0) -> Rows:
    """A part of the labelled subjects, the same share of each class, at least one of each.

    The subjects of a class are put in an order that depends on the seed alone and the first ones are kept: with the
    same seed, 50 % of the labels holds the 20 %.

    Args:
        rows: rows with ``subject`` and ``label``; a subject counts to the class of its first row. Label maps are of
            one class.
        fraction: part of the subjects to keep, in (0, 1].
        seed: seed of the order.

    Raises:
        InputError: when the fraction is out of range or rows lack a label.
    """
    if not 0 < fraction <= 1:
        raise InputError(f"label_fraction: found {fraction}, expected more than 0 and at most 1")
    if fraction == 1:
        return list(rows)
    classes: dict[str, int] = {}
    for row in rows:
        if row.get("label") is None:
            raise InputError(
                f"label_fraction: subject {row['subject']} has no label; a fraction needs label='required'"
            )
        classes.setdefault(row["subject"], 0 if isinstance(row["label"], str) else row["label"])
    members: dict[int, list[str]] = defaultdict(list)
    for subject, label in sorted(classes.items()):
        members[label].append(subject)
    kept: set[str] = set()
    for label, subjects in members.items():
        order = np.random.default_rng([seed, label]).permutation(len(subjects))
        kept.update(subjects[i] for i in order[: max(1, round(fraction * len(subjects)))])
    return [row for row in rows if row["subject"] in kept]


def mark_unlabelled(rows: Sequence[dict[str, Any]]) -> Rows:
    """Rows with -1 as the label of those without one, where others have one: a batch holds the same keys of all.

    Pre-training takes images without labels too; only its log compares the features with the labels that are known.
    """
    if not any(row.get("label") is not None for row in rows):
        return list(rows)
    return [row if row.get("label") is not None else {**row, "label": -1} for row in rows]
