"""Subject-wise stratified folds and validation rows."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from ..counts import counted
from ..errors import InputError
from ..option_limits import limit_problem
from ..programs import command_of

__all__ = ["assign_folds", "check_hold_out", "hold_out"]

_SHOWN = 5  # classes in a message


def assign_folds(
    rows: Sequence[Mapping[str, Any]],
    num_folds: int = 5,
    seed: int = 0,
    group: str = "subject",
    stratify: str | None = "label",
    labels: Sequence[str] = (),
) -> list[dict[str, Any]]:
    """Assign a ``fold`` in 0..num_folds-1 to each row, so that no subject is in two folds.

    Every fold contains each class in about the proportion of the cohort (scikit-learn's ``StratifiedGroupKFold``, or
    ``GroupKFold`` without ``stratify``). Groups without a label get a further fold, which nobody holds out, so that
    each pre-training sees them. The same rows, seed and number of folds always give the same folds.

    Args:
        rows: datalist rows, which are copied.
        num_folds: number of folds.
        seed: random seed for the shuffling of the subjects.
        group: key whose values are never split between folds.
        stratify: key whose proportions are the same in each fold, or ``None`` for a cohort without labels.
        labels: names of the classes, for the message.

    Returns:
        The rows in the given order, each with an int ``fold``: ``num_folds`` where no row of the group has a label.

    Raises:
        InputError: rows lack ``group``, or a class has fewer subjects than there are folds.
    """
    from sklearn.model_selection import GroupKFold, StratifiedGroupKFold

    if expected := limit_problem("seed", seed):
        raise InputError(f"seed: found {seed}; expected {expected}; correct it")
    divided, names, kinds = _divided(rows, num_folds, group, stratify, labels)
    splitter = (GroupKFold if stratify is None else StratifiedGroupKFold)(num_folds, shuffle=True, random_state=seed)
    codes = np.unique([str(kind) for kind in kinds], return_inverse=True)[1]
    folds = np.full(len(rows), num_folds)
    for fold, (_, held_out) in enumerate(splitter.split(codes, codes, [str(name) for name in names])):
        folds[np.asarray(divided)[held_out]] = fold
    return [{**row, "fold": int(fold)} for row, fold in zip(rows, folds, strict=True)]


def _divided(
    rows: Sequence[Mapping[str, Any]], num_folds: int, group: str, stratify: str | None, labels: Sequence[str] = ()
) -> tuple[list[int], list[Any], list[Any]]:
    """Places of the rows that are divided into folds, their groups and their classes, once all is checked."""
    if num_folds < 2:
        raise InputError(f"folds: num_folds is {num_folds}; expected 2 or more")
    groups = _groups(rows, group)
    classes = _classes(rows, groups, stratify)
    divided = [number for number, kind in enumerate(classes) if kind is not None]
    if rows and not divided:
        raise InputError(f"folds: found no {group} with a {stratify}; expected some of each class; add {stratify}s")
    names, kinds = [groups[number] for number in divided], [classes[number] for number in divided]
    shown = [labels[kind] if stratify and labels else kind for kind in kinds]
    _check_class_sizes(names, shown, num_folds, group, stratify)
    return divided, names, kinds


def _groups(rows: Sequence[Mapping[str, Any]], group: str) -> list[Any]:
    missing = [
        f"row {i}: no '{group}'; folds need it in every row" for i, row in enumerate(rows) if row.get(group) is None
    ]
    if missing:
        raise InputError.of_rows("folds", missing)
    return [row[group] for row in rows]


def _classes(rows: Sequence[Mapping[str, Any]], groups: Sequence[Any], stratify: str | None) -> list[Any]:
    """The class of each row, else that of its group's first row with one, else ``None``."""
    if stratify is None:
        return [0] * len(rows)
    own = [row.get(stratify) for row in rows]
    found = {name: kind for name, kind in zip(reversed(groups), reversed(own), strict=True) if kind is not None}
    return [found.get(name) if kind is None else kind for name, kind in zip(groups, own, strict=True)]


def _check_class_sizes(groups: list, classes: list, num_folds: int, group: str, stratify: str | None) -> None:
    members: dict[Any, set] = defaultdict(set)
    for member, kind in zip(groups, classes, strict=True):
        members[kind].add(member)
    small = {kind: len(found) for kind, found in members.items() if len(found) < num_folds}
    if not members or small:
        kinds = [
            counted(n, group) + (f" with {stratify} {kind}" if stratify else "")
            for kind, n in sorted(small.items(), key=str)
        ]
        more = f" and {len(kinds) - _SHOWN} more classes" if len(kinds) > _SHOWN else ""
        fewer = min(small.values(), default=0)
        remedy = f"lower num_folds (--num_folds {fewer}) or " if fewer > 1 else ""
        raise InputError(
            f"folds: found {', '.join(kinds[:_SHOWN]) or 'no rows'}{more}, expected at least {num_folds} (num_folds)"
            f"{' of each class' if stratify else ''}; {remedy}add {group}s"
            f"{' of the class, or leave it out' if stratify and not remedy else ''}"
        )


def hold_out(
    rows: Sequence[Mapping[str, Any]], fraction: float = 0.2, seed: int = 0, num_classes: int | None = None
) -> tuple[list[Mapping[str, Any]], list[Mapping[str, Any]]]:
    """Split training rows by subject, stratified, into rows for training and validation rows to select the epoch.

    Args:
        rows: training rows, each with ``subject`` and ``label``; label maps, which are paths, are not stratified.
        fraction: fraction of validation rows, at most 0.5, which is rounded to ``1 / n``; 0 for none.
        seed: random seed for the split.
        num_classes: number of classes, of each of which a subject must be left to train on; ``None`` for any.

    Returns:
        Rows for training and validation rows, both in the given order.

    Raises:
        InputError: a class has too few subjects, or none.
    """
    check_hold_out(rows, fraction, num_classes)
    if fraction == 0:
        return list(rows), []
    folds = assign_folds(rows, num_folds=round(1 / fraction), seed=seed, stratify=_stratified(rows))
    parts = [row["fold"] for row in folds]
    stay = [row for row, part in zip(rows, parts, strict=True) if part != 0]
    return stay, [row for row, part in zip(rows, parts, strict=True) if part == 0]


def check_hold_out(rows: Sequence[Mapping[str, Any]], fraction: float = 0.2, num_classes: int | None = None) -> None:
    """Check what :func:`hold_out` checks, without its split, which takes most of the time.

    Args:
        rows: training rows, each with ``subject`` and ``label``.
        fraction: fraction of validation rows.
        num_classes: number of classes.

    Raises:
        InputError: a class has too few subjects, or none.
    """
    _check_classes(rows, num_classes)
    if fraction == 0:
        return
    if not 0 < fraction <= 0.5:
        raise InputError(f"validation_fraction: found {fraction}, expected a number from 0 to 0.5; change it")
    try:
        _divided(rows, round(1 / fraction), "subject", _stratified(rows))
    except InputError as error:
        what, _, _ = str(error).replace("num_folds", "one for each").rpartition("; ")
        raise InputError(
            f"validation_fraction {fraction:g} is one of {round(1 / fraction)} {what}; set --validation_fraction 0, "
            "which keeps the last epoch, or add subjects"
        ) from None


def _stratified(rows: Sequence[Mapping[str, Any]]) -> str | None:
    """The key of the classes, whose proportions are kept; ``None`` where labels are maps."""
    return None if any(isinstance(row.get("label"), str) for row in rows) else "label"


def _check_classes(rows: Sequence[Mapping[str, Any]], num_classes: int | None) -> None:
    found = sorted({row["label"] for row in rows if isinstance(row.get("label"), int)})
    if num_classes is not None and (missing := sorted(set(range(num_classes)) - {*found})):
        raise InputError(
            f"label: found the classes {', '.join(map(str, found)) or 'none'} among the training subjects, expected "
            f"{', '.join(map(str, missing))} too; add subjects, assign folds anew with {command_of('make_datalist')}, "
            "or set num_classes"
        )
