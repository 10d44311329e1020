"""The datalist of a study: checked rows with absolute paths, exclusions left out, a fold for each row."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..data.datalist import find_problems
from ..data.datalist_writer import write_datalist
from ..data.folds import assign_folds
from ..datalist_json import indexed_names, read_datalist
from ..errors import InputError
from ..programs import command_of
from .protocol import Protocol, Task

__all__ = ["StudyRows", "read_study_rows", "write_study_datalist"]

NUM_FOLDS = 5


@dataclass(frozen=True)
class StudyRows:
    """Rows of a study.

    Attributes:
        rows: rows with absolute paths and a fold each, test subjects included.
        folds: folds to hold out one by one.
        test_fold: fold of the separate test subjects, ``None`` without any.
        labels: names of the classes by index as text.
        modality: names of the modalities by index as text.
        excluded: rows left out, with ``row``, ``subject`` and ``reasons``.
    """

    rows: list[dict[str, Any]]
    folds: tuple[int, ...]
    test_fold: int | None
    labels: Mapping[str, str]
    modality: Mapping[str, str]
    excluded: list[dict[str, Any]]


def read_study_rows(
    datalist: Path,
    test_datalist: Path | None,
    protocol: Protocol,
    task: Task,
    drop: bool = False,
    cache_dir: Path | None = None,
) -> StudyRows:
    """Check all rows of the cohort and of the test set.

    Subjects without any label get a fold of their own that is never held out: "pre-training takes all but the test
    subjects". Folds are those of the datalist; without any, five are assigned.

    Args:
        datalist: datalist of the cohort, whose section ``training`` is used.
        test_datalist: datalist of a separate test set: its section ``testing``, or ``training`` if it has none.
        protocol: comparison of the bundle, which says what a row needs.
        task: task of the study.
        drop: whether to leave out rows with problems instead of refusing them.
        cache_dir: folder of the cache of file checks.

    Raises:
        InputError: a row has a problem and ``drop`` is not set, no row is left, a class has no subject, or the
            datalists have a subject in common or name their classes or modalities differently.
    """
    content = read_datalist(datalist)
    options: dict[str, Any] = {"mask": protocol.mask, "spatial_dims": list(protocol.dims), "missing": protocol.missing}
    options |= {
        "label": "mask" if task == "segmentation" else "optional",
        "unlabelled": "leave out",
        "cache_dir": cache_dir,
    }
    rows, excluded = _checked(datalist, "training", options, drop)
    tested: list[dict[str, Any]] = []
    if test_datalist is not None:
        section = "testing" if read_datalist(test_datalist).get("testing") else "training"
        tested, left_out = _checked(test_datalist, section, options, drop)
        tested = [row for row in tested if row.get("label") is not None]
        excluded += left_out
        _check_apart(rows, tested, datalist, test_datalist)
        _check_names(datalist, content, test_datalist)
    labelled = {str(row["subject"]) for row in rows if row.get("label") is not None}
    if not labelled:
        raise InputError(f"{datalist}: no row has a label; expected some; add labels, or pre-train with pretrain.yaml")
    names = indexed_names(str(datalist), content, "labels")
    if task == "classification":
        _check_classes(datalist, rows, names)
        if test_datalist is not None:
            _check_classes(test_datalist, tested, names, tested=True)
    kept = _with_folds(datalist, [row for row in rows if str(row["subject"]) in labelled], task)
    folds = tuple(sorted({row["fold"] for row in kept}))
    others = [{**row, "fold": max(folds) + 1} for row in rows if str(row["subject"]) not in labelled]
    test_fold = max(folds) + 2 if tested else None
    return StudyRows(
        rows=[*kept, *others, *({**row, "fold": test_fold} for row in tested)],
        folds=folds if test_fold is None else (test_fold,),
        test_fold=test_fold,
        labels=names,
        modality=indexed_names(str(datalist), content, "modality"),
        excluded=excluded,
    )


def write_study_datalist(path: Path, found: StudyRows) -> Path:
    """Write ``datalist.json`` of a study."""
    labels, modality = (
        [names[str(index)] for index in range(len(names))] or None for names in (found.labels, found.modality)
    )
    return write_datalist(path, found.rows, labels=labels, modality=modality, name=path.parent.name)


def _checked(
    path: Path, section: str, options: Mapping[str, Any], drop: bool
) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Rows without problems, and those with them."""
    problems = find_problems(path, section=section, **options)
    by_row = problems.by_row()
    lines = problems.lines()
    if lines and (not drop or len(problems.rows) in by_row):
        hint = "" if len(problems.rows) in by_row else "; correct them, or leave these rows out with --incomplete drop"
        raise InputError.of_rows(f"{path}{hint}", lines)
    kept = [row for place, row in enumerate(problems.rows) if place not in by_row]
    if not kept:
        raise InputError.of_rows(f"{path}: no row is left", lines)
    left_out = [
        {"row": f"{section}[{place}]", "subject": _subject(problems.rows[place]), "reasons": reasons}
        for place, reasons in sorted(by_row.items())
    ]
    return kept, left_out


def _subject(row: Any) -> str | None:
    return str(row["subject"]) if isinstance(row, Mapping) and row.get("subject") not in (None, "") else None


def _with_folds(datalist: Path, rows: Sequence[Mapping[str, Any]], task: Task) -> list[dict[str, Any]]:
    """The datalist's folds, or new ones; a subject's rows without a label or fold follow the others."""
    fold_of = {str(row["subject"]): row["fold"] for row in rows if isinstance(row.get("fold"), int)}
    if lacking := list(dict.fromkeys(str(row["subject"]) for row in rows if str(row["subject"]) not in fold_of)):
        if fold_of:
            raise InputError(
                f"{datalist}: fold: none for {len(lacking)} of {len(fold_of) + len(lacking)} labelled subjects, "
                f"{lacking[0]} first; expected one for each, or none at all; run {command_of('make_datalist')}"
            )
    else:
        return [{**row, "fold": fold_of[str(row["subject"])]} for row in rows]
    return assign_folds(rows, NUM_FOLDS, stratify="label" if task == "classification" else None)


def _check_apart(
    rows: Sequence[Mapping[str, Any]], tested: Sequence[Mapping[str, Any]], datalist: Path, test_datalist: Path
) -> None:
    both = sorted({str(row["subject"]) for row in rows} & {str(row["subject"]) for row in tested})
    if both:
        shown = ", ".join(both[:10]) + (" ..." if len(both) > 10 else "")
        raise InputError(
            f"{test_datalist}: {len(both)} test subjects are in {datalist} too: {shown}; expected none; take them "
            "out of one"
        )


def _check_classes(
    path: Path, rows: Sequence[Mapping[str, Any]], names: Mapping[str, str], tested: bool = False
) -> None:
    """Refuse rows of a classification that lack a class; those of a test set need two."""
    found = {row["label"] for row in rows if row.get("label") is not None}
    known = found if tested and len(found) > 1 else found | {int(index) for index in names}
    missing = ", ".join(names.get(str(index), str(index)) for index in sorted(known - found))
    remedy = "leave out --test_datalist" if tested else "pre-train with pretrain.yaml"
    if len(found) < 2 or missing:
        wanted = missing or "another class"
        alone = ", ".join(names.get(str(index), str(index)) for index in sorted(found)) or "none"
        raise InputError(f"{path}: label: found {alone}; expected subjects of {wanted} too; add some, or {remedy}")


def _check_names(datalist: Path, content: Mapping[str, Any], test_datalist: Path) -> None:
    """Refuse a test set in which an index is another class or modality."""
    theirs = read_datalist(test_datalist)
    for key in ("labels", "modality"):
        ours, other = indexed_names(str(datalist), content, key), indexed_names(str(test_datalist), theirs, key)
        if ours and any(ours.get(index) != name for index, name in other.items()):
            found, expected = (", ".join(f"{index} {name}" for index, name in each.items()) for each in (other, ours))
            option = "--labels" if key == "labels" else "--images"
            remedy = f"write it with {command_of('make_datalist')} ... {option} {','.join(ours.values())}"
            raise InputError(f"{test_datalist}: {key}: found {found}; expected {expected} as in {datalist}; {remedy}")
