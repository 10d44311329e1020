"""Classes of comparable size, by a random choice of subjects of large classes."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from ..errors import InputError

__all__ = ["balance_classes"]

Rows = list[dict[str, Any]]


def balance_classes(
    rows: Sequence[Mapping[str, Any]],
    limits: Mapping[str | int, int],
    seed: int = 0,
    labels: Sequence[str] | None = None,
) -> tuple[Rows, Rows]:
    """Keep at most a number of subjects of the named classes, chosen at random, and all of the others.

    Zhao and Yang 2021, section 3.1: "In order to balance the quantity in each category, we randomly select 20 cases
    from the clear cell RCC category and combine them with the other three types". The rest is for pre-training.

    Args:
        rows: rows with ``subject`` and ``label``; a subject belongs to the class of its first row.
        limits: maximum number of subjects by class, given by its name (one of ``labels``) or its index. Smaller
            classes are kept completely.
        seed: random seed for the choice, which does not depend on the order of the rows.
        labels: class names in the order of their index.

    Returns:
        The selected rows and the rest, both in the given order.

    Raises:
        InputError: a class does not exist, a limit is below 1, or rows have no label, all of which are listed.

    Example:
        >>> rows = [{"subject": str(i), "label": int(i > 5)} for i in range(8)]
        >>> kept, rest = balance_classes(rows, {"clear_cell_rcc": 2}, labels=["clear_cell_rcc", "papillary"])
        >>> len(kept), len(rest)
        (4, 4)
    """
    wanted = _by_index(limits, labels)
    if lacking := [f"row {i} (subject {row.get('subject')})" for i, row in enumerate(rows) if row.get("label") is None]:
        raise InputError.of_rows("balance_classes", [f"{name}: no label, expected a class; add it" for name in lacking])
    classes: dict[str, int] = {}
    for row in rows:
        classes.setdefault(str(row["subject"]), row["label"])
    members: dict[int, list[str]] = defaultdict(list)
    for subject, label in sorted(classes.items()):
        members[label].append(subject)
    if absent := sorted(set(wanted) - set(members)):
        name = labels[absent[0]] if labels else absent[0]
        raise InputError(f"balance_classes: limits: found no row of class {name}, expected some; correct limits")
    kept: set[str] = set()
    for label, subjects in members.items():
        order = np.random.default_rng([seed, label]).permutation(len(subjects))
        kept.update(subjects[i] for i in order[: wanted.get(label, len(subjects))])
    chosen: Rows = []
    rest: Rows = []
    for row in rows:
        (chosen if str(row["subject"]) in kept else rest).append(dict(row))
    return chosen, rest


def _by_index(limits: Mapping[str | int, int], labels: Sequence[str] | None) -> dict[int, int]:
    """Checked limits by class index."""
    names = list(labels or ())
    known = f"one of {', '.join(names)} or an index" if names else "an index, or labels with its name"
    found: dict[int, int] = {}
    for name, limit in limits.items():
        index = names.index(name) if name in names else name
        if isinstance(index, bool) or not isinstance(index, int) or (names and not 0 <= index < len(names)):
            raise InputError(f"balance_classes: limits: found class {name!r}, expected {known}; correct limits")
        if isinstance(limit, bool) or not isinstance(limit, int) or limit < 1:
            raise InputError(f"balance_classes: limits: found {limit!r} for {name!r}, expected an integer from 1")
        found[index] = limit
    return found
