"""Selection of the datalist rows that a run uses."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from typing import Any

import numpy as np

from ..errors import InputError

__all__ = ["keep_label_fraction", "mark_unlabelled", "rows_to_probe", "select_part"]

Rows = list[dict[str, Any]]


def select_part(rows: Sequence[dict[str, Any]], part: str, fold: int | None) -> Rows:
    """The rows to train on or to hold out, in their order.

    Args:
        rows: rows, each with an int ``fold`` unless ``part`` is "all".
        part: "all", "train" (rows of the other folds) or "held_out" (rows of ``fold``).
        fold: held-out fold.

    Raises:
        InputError: the part does not exist, or no row has the fold.
    """
    if part == "all":
        return list(rows)
    if part not in ("train", "held_out"):
        raise InputError(f"part: found {part!r}, expected 'all', 'train' or 'held_out'")
    if not rows:
        raise InputError(
            "label: found no row with a label, expected some; add labels, which make_datalist.py reads from a table's "
            "column label, or pre-train with pretrain.yaml"
        )
    folds = sorted({row["fold"] for row in rows})
    if fold not in folds:
        found = "none" if fold is None else repr(fold)
        raise InputError(f"fold: found {found}, expected one of {folds} of the datalist; set --fold")
    return [row for row in rows if (row["fold"] == fold) == (part == "held_out")]


def keep_label_fraction(rows: Sequence[dict[str, Any]], fraction: float, seed: int = 0) -> Rows:
    """A fraction of the labelled subjects, the same for each class, with at least one subject of each.

    The subjects of a class are sorted in an order that depends on the seed alone and the first ones are kept: with the
    same seed, 50 % of the labels contain the 20 %.

    Args:
        rows: rows with ``subject`` and ``label``; a subject belongs to the class of its first row. Label maps count as
            one class.
        fraction: fraction of the subjects to keep, in (0, 1].
        seed: random seed for the order.

    Returns:
        The rows of these subjects, in the given order.

    Raises:
        InputError: the fraction is out of range, or rows have no label.
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
    """Set the label of rows without one to -1 if others have one, so that all samples of a batch have the same keys.

    Pre-training also uses images without labels; only its log compares the features with the known labels.
    """
    if not any(row.get("label") is not None for row in rows):
        return list(rows)
    return [row if row.get("label") is not None else {**row, "label": -1} for row in rows]


def rows_to_probe(rows: Sequence[dict[str, Any]]) -> Rows:
    """Rows with a label if some have one, else all: a classifier of features needs both."""
    labelled = [row for row in rows if row.get("label") is not None]
    return labelled or list(rows)
