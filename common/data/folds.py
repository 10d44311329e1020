"""Subject-wise stratified folds and validation rows."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from ..errors import InputError

__all__ = ["assign_folds", "hold_out"]


def assign_folds(
    rows: Sequence[Mapping[str, Any]],
    num_folds: int = 5,
    seed: int = 0,
    group: str = "subject",
    stratify: str | None = "label",
) -> list[dict[str, Any]]:
    """Give each row a ``fold`` in 0..num_folds-1, so that a subject is never in two folds.

    Every fold holds each class in about the cohort's proportion (scikit-learn's ``StratifiedGroupKFold``; without
    ``stratify``, ``GroupKFold``). The same rows, seed and number of folds always give the same folds.

    Args:
        rows: the datalist's rows; they are copied, not changed.
        num_folds: number of folds.
        seed: seed of the shuffling before subjects are dealt out.
        group: the key whose rows stay together.
        stratify: the key whose proportions each fold keeps, or ``None`` (a cohort without labels).

    Returns:
        The rows in the order given, each with an int ``fold``.

    Raises:
        InputError: when rows lack ``group`` or ``stratify``, or a class has fewer subjects than there are folds.
    """
    from sklearn.model_selection import GroupKFold, StratifiedGroupKFold

    if num_folds < 2:
        raise InputError(f"folds: num_folds is {num_folds}; expected 2 or more")
    groups = _column(rows, group)
    if stratify is None:
        classes: list[Any] = [0] * len(rows)
        splitter: Any = GroupKFold(num_folds, shuffle=True, random_state=seed)
    else:
        classes = _column(rows, stratify)
        splitter = StratifiedGroupKFold(num_folds, shuffle=True, random_state=seed)
    _check_class_sizes(groups, classes, num_folds, group, stratify)
    folds = np.zeros(len(rows), dtype=int)
    codes = np.unique([str(value) for value in classes], return_inverse=True)[1]
    for fold, (_, held_out) in enumerate(splitter.split(codes, codes, [str(value) for value in groups])):
        folds[held_out] = fold
    return [{**row, "fold": int(fold)} for row, fold in zip(rows, folds, strict=True)]


def _column(rows: Sequence[Mapping[str, Any]], key: str) -> list[Any]:
    missing = [f"row {i}: no '{key}'; folds need it in every row" for i, row in enumerate(rows) if row.get(key) is None]
    if missing:
        raise InputError.of_rows("folds", missing)
    return [row[key] for row in rows]


def _check_class_sizes(groups: list, classes: list, num_folds: int, group: str, stratify: str | None) -> None:
    members: dict[Any, set] = defaultdict(set)
    for member, kind in zip(groups, classes, strict=True):
        members[kind].add(member)
    small = {kind: len(found) for kind, found in members.items() if len(found) < num_folds}
    if not members or small:
        kinds = [f"{n} {group}s" + (f" with {stratify} {kind!r}" if stratify else "") for kind, n in small.items()]
        raise InputError(
            f"folds: found {', '.join(sorted(kinds)) or 'no rows'}, expected at least {num_folds} (num_folds)"
            f"{' of each class' if stratify else ''}; lower num_folds or add {group}s"
        )


def hold_out(
    rows: Sequence[Mapping[str, Any]], fraction: float = 0.2, seed: int = 0
) -> tuple[list[Mapping[str, Any]], list[Mapping[str, Any]]]:
    """Part the training rows into those that fit the weights and those that choose the epoch, stratified by subject.

    Args:
        rows: training rows, each with ``subject`` and ``label``; label maps, which are text, are not stratified.
        fraction: share of the rows held out, at most 0.5; the nearest ``1 / n`` is taken. 0 holds none out.
        seed: of the choice.

    Returns:
        The rows that stay and the rows held out, both in the order given.

    Raises:
        InputError: when a class has too few subjects.
    """
    if fraction == 0:
        return list(rows), []
    if not 0 < fraction <= 0.5:
        raise InputError(f"validation_fraction: found {fraction}, expected a number from 0 to 0.5; change it")
    stratify = None if any(isinstance(row.get("label"), str) for row in rows) else "label"
    try:
        folds = assign_folds(rows, num_folds=round(1 / fraction), seed=seed, stratify=stratify)
        parts = [row["fold"] for row in folds]
    except InputError as error:
        raise InputError(f"validation_fraction {fraction:g} is one of {round(1 / fraction)} {error}") from None
    stay = [row for row, part in zip(rows, parts, strict=True) if part != 0]
    return stay, [row for row, part in zip(rows, parts, strict=True) if part == 0]
