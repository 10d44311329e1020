"""Whether each fold leaves enough labels to train on, known from the datalist alone before anything runs."""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from ...errors import InputError
from ...option_limits import limit_problem

__all__ = ["REPEATED", "label_problems", "number_problems", "overridden", "probe_problems", "unjudged_folds"]

#: Ids that a comparison sets for each of its trainings anew, and what chooses them.
REPEATED = {
    "seed": "seeds (--seeds) has those of the trainings, and pretrain: {seed: 1} sets that of the pre-trainings",
    "label_seed": "seeds (--seeds) has it too",
    "label_fraction": "fractions (--fractions) has the parts of the labels",
}


def number_problems(**numbers: Any) -> Iterator[str]:
    """A line for each argument of a comparison with a number that no run can use.

    Args:
        **numbers: values by name; empty lists are not checked.
    """
    for name, value in numbers.items():
        if value != [] and (expected := limit_problem(name, value)):
            yield f"{name}: found {value!r}; expected {expected}; correct it"


def overridden(
    own: Mapping[str, str], settings: Mapping[str, Any], of_stage: Mapping[str, Mapping[str, Any]]
) -> Iterator[str]:
    """A line for each id that the comparison sets for each run itself, so that a value for all would be ignored.

    Args:
        own: those ids, and what chooses them.
        settings: ids of all stages.
        of_stage: ids of single stages.
    """
    for prefix, ids in (("", settings), *((f"{stage}: ", ids) for stage, ids in of_stage.items())):
        for name in (name for name in own if name in ids):
            yield f"{prefix}{name}: found one for all runs; expected none, as {own[name]}; leave it out"


def label_problems(
    rows: Sequence[Mapping[str, Any]],
    folds: Iterable[int | None],
    *,
    fraction: float = 1.0,
    label_seed: int = 0,
    validation_fraction: float = 0.0,
) -> Iterator[str]:
    """A line for each fold without which too few labels are left.

    Args:
        rows: rows of a datalist; those without a label are left out.
        folds: held-out folds; ``None`` for none, so that all rows train.
        fraction: part of the training labels, see :func:`~common.data.keep_label_fraction`.
        label_seed: random seed for the choice of that part.
        validation_fraction: part that chooses the epoch, see :func:`~common.data.hold_out`.
    """
    from ...data import check_hold_out, keep_label_fraction

    labelled = [dict(row) for row in rows if row.get("label") is not None]
    classes = {row["label"] for row in labelled}
    if not all(isinstance(label, int) for label in classes):
        return  # label maps
    for fold in folds:
        training = [row for row in labelled if fold is None or row.get("fold") != fold]
        try:
            kept = keep_label_fraction(training, fraction, label_seed)
            check_hold_out(kept, validation_fraction, max(classes, default=-1) + 1)
        except InputError as error:
            yield f"{'all subjects' if fold is None else f'without fold {fold}'}: {error}"


def unjudged_folds(rows: Sequence[Mapping[str, Any]], folds: Iterable[int | None]) -> Iterator[str]:
    """A line for each held-out fold that lacks a class, on which a network cannot be judged after its training.

    Args:
        rows: rows of a datalist; those without a label are left out.
        folds: held-out folds; ``None`` for none.
    """
    of_fold: dict[Any, set[Any]] = {}
    for row in rows:
        if isinstance(row.get("label"), int):
            of_fold.setdefault(row.get("fold"), set()).add(row["label"])
    classes = set[Any]().union(*of_fold.values())
    for fold in folds:
        missing = "" if fold is None else ", ".join(map(str, sorted(classes - of_fold.get(fold, classes))))
        if missing:
            yield f"fold {fold}: found no subject of class {missing}; expected some, to judge it by; assign other folds"


def probe_problems(
    rows: Sequence[Mapping[str, Any]], folds: Iterable[int], fractions: Sequence[float], seeds: Sequence[int]
) -> Iterator[str]:
    """A line for each fold, fraction and seed that leaves a linear probe fewer than two subjects of a class.

    Args:
        rows: rows of a datalist; those without fold or label are left out.
        folds: held-out folds.
        fractions: parts of the training labels.
        seeds: random seeds for the choice of those parts.
    """
    from ...data import keep_label_fraction

    labelled = [dict(row) for row in rows if row.get("label") is not None and row.get("fold") is not None]
    classes = sorted({row["label"] for row in labelled})
    for fold, fraction, seed in itertools.product(folds, fractions, seeds):
        kept = keep_label_fraction([row for row in labelled if row["fold"] != fold], fraction, seed)
        counts = Counter({row["subject"]: row["label"] for row in kept}.values())
        if not classes or min(counts[label] for label in classes) < 2:
            found = [counts[label] for label in classes]
            yield (
                f"linear probe, fraction {fraction:g}, seed {seed}, without fold {fold}: found {found} subjects "
                "per class to train on; expected two or more of each; raise label_fractions"
            )
