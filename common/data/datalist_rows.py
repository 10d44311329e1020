"""Checks of the fields of datalist rows, before any file is opened."""

from __future__ import annotations

import unicodedata
from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any, TypeGuard

from ..grouped_lines import group_lines, without_numbers
from ..programs import command_of

__all__ = ["Problems", "check_rows", "modality_name"]


class Problems:
    """Problems of the rows of a section, reported in the order of the rows.

    Args:
        section: section of the datalist, such as ``training``.
        rows: rows of the section.
    """

    def __init__(self, section: str, rows: Sequence[Any]) -> None:
        self.section = section
        self.rows = rows
        self._found: list[tuple[int, str]] = []

    def add(self, position: int, field: str, text: str) -> None:
        """Add a problem of a row: what was found, what was expected, and the remedy."""
        row = self.rows[position]
        subject = row.get("subject") if isinstance(row, Mapping) else None
        name = f"{self.section}[{position}]" + (f" (subject {_shown(subject)})" if subject not in (None, "") else "")
        self._found.append((position, f"{name} {field}: {text}"))

    def add_for_all(self, field: str, text: str) -> None:
        """Add one problem of the section as a whole."""
        self._found.append((len(self.rows), f"{self.section} {field}: {text}"))

    def by_row(self) -> dict[int, list[str]]:
        """Problems by position of their row; those of the section as a whole by the number of rows."""
        found: dict[int, list[str]] = {}
        for position, text in self._found:
            found.setdefault(position, []).append(text)
        return found

    def lines(self) -> list[str]:
        """One line per problem; the same problem of many rows, such as masks that all of them lack, shares a line."""
        problems = []
        for position, text in self._found:
            field, _, found = text.partition("found ")
            field = field.split(": ")[0].rpartition(" ")[2]
            problems.append((position, f"{field} {without_numbers(found)}", text))
        return group_lines(problems, self._subject, len(self.rows))

    def _subject(self, position: int) -> str:
        row = self.rows[position]
        return _shown(row.get("subject")) if isinstance(row, Mapping) else f"{self.section}[{position}]"


def check_rows(
    problems: Problems,
    *,
    labels: Mapping[str, str],
    num_classes: int | None,
    mask: str,
    label: str,
    need_fold: bool,
    other_subjects: frozenset[str] = frozenset(),
    modality: Mapping[str, str] | None = None,
    missing: str = "refuse",
    need_label: bool = True,
) -> None:
    """Check types and presence of the fields of every row, and that subjects and images do not leak across folds.

    Args:
        problems: rows of the section; problems are added to it.
        labels: class names by index as text, for messages; may be empty.
        num_classes: number of classes; labels must be in 0..num_classes-1. ``None``: any non-negative integer.
        mask: "required", "optional" or "ignored".
        label: "required", "optional" or "ignored" for classes, "mask" for paths of label maps.
        need_fold: whether each row needs an integer ``fold``.
        other_subjects: subjects of the other section of the datalist, in Unicode's form NFC.
        modality: names of the modalities by index as text, for messages; may be empty.
        missing: "zeros" allows null in a list ``image``, "refuse" does not.
        need_label: whether rows without a label are a problem where ``label`` is "required" or "mask".
    """
    if num_classes and not labels and label in ("required", "optional") and _has_more(problems, num_classes):
        num_classes = None
    for position, row in enumerate(problems.rows):
        if not isinstance(row, Mapping):
            problems.add(position, "row", f"found {_kind(row)}, expected an object with 'image' and 'subject'")
            continue
        _check_subject(problems, position, row.get("subject"), other_subjects)
        _check_image(problems, position, row.get("image"), modality or {}, missing)
        _check_mask(problems, position, row.get("mask"), mask)
        if row.get("label") is None and not need_label:
            pass
        elif label == "mask":
            _check_map(problems, position, row.get("label"))
        else:
            _check_label(problems, position, row.get("label"), label, labels, num_classes)
        fold = row.get("fold")
        if need_fold and (not _is_integer(fold) or fold < 0):
            text = f"found {_kind(fold)}, expected an integer from 0; assign folds with {command_of('make_datalist')}"
            problems.add(position, "fold", text)
    _check_leaks(problems)


def _has_more(problems: Problems, num_classes: int) -> bool:
    """Whether the cohort has more classes than ``num_classes``, which is reported once."""
    labels = [row.get("label") if isinstance(row, Mapping) else None for row in problems.rows]
    known = sorted({label for label in labels if _is_integer(label)})
    if not known or known[-1] < num_classes:
        return False
    problems.add_for_all(
        "label",
        f"found {', '.join(map(str, known))}, {known[-1]} first in row {labels.index(known[-1])}, expected "
        f"0..{num_classes - 1}; correct the labels, or num_classes where it was given",
    )
    return True


def _check_subject(problems: Problems, position: int, subject: Any, other_subjects: frozenset[str]) -> None:
    if not (_is_integer(subject) or isinstance(subject, str)) or subject == "":
        problems.add(position, "subject", f"found {_kind(subject)}, expected the patient's name; add it")
    elif isinstance(subject, str) and not (subject.isprintable() and subject == subject.strip()):
        text = f"found {ascii(subject)[:60]}, expected no blanks at its ends and no invisible characters; correct it"
        problems.add(position, "subject", text)
    elif unicodedata.normalize("NFC", str(subject)) in other_subjects:
        problems.add(
            position, "subject", "found in 'training' and in 'testing', expected in one of them; move its rows"
        )


def _check_image(problems: Problems, position: int, image: Any, modality: Mapping[str, str], missing: str) -> None:
    paths = image if isinstance(image, list) else [image]
    lacking = [index for index, path in enumerate(paths) if path is None] if isinstance(image, list) else []
    if not paths or not all((isinstance(path, str) and path) or index in lacking for index, path in enumerate(paths)):
        problems.add(position, "image", f"found {_kind(image)}, expected a path or a list with one path per modality")
    elif len(lacking) == len(paths):
        problems.add(position, "image", f"found none of {len(paths)} modalities, expected at least one; delete the row")
    elif missing == "refuse":
        for index in lacking:
            name = modality_name(index, modality)
            remedy = "add it, delete the row, or set --missing zeros (liver_cgc alone)"
            text = f"found no file of modality {name}, expected one; {remedy}"
            problems.add(position, "image", text)


def modality_name(index: int, names: Mapping[str, str]) -> str:
    """A modality for messages: its name in the datalist's ``modality``, or else its index."""
    return names.get(str(index), f"number {index}")


def _check_mask(problems: Problems, position: int, path: Any, policy: str) -> None:
    if policy == "ignored" or (path is None and policy == "optional"):
        return
    if path is None:
        problems.add(
            position,
            "mask",
            f"found none, expected a path; give {command_of('make_datalist')} a column or folder of masks",
        )
    elif not isinstance(path, str) or not path:
        problems.add(position, "mask", f"found {_kind(path)}, expected one path")


def _check_map(problems: Problems, position: int, path: Any) -> None:
    if not isinstance(path, str) or not path:
        text = f"found {_kind(path)}, expected the path of a label map; add it, or set label to 'ignored'"
        problems.add(position, "label", text)


def _check_label(
    problems: Problems, position: int, value: Any, policy: str, labels: Mapping[str, str], num_classes: int | None
) -> None:
    if policy == "ignored" or (value is None and policy == "optional"):
        return
    expected = f"one of 0..{num_classes - 1}" if num_classes else "an integer from 0"
    if labels:
        expected += " (" + ", ".join(f"{index} = {name}" for index, name in labels.items()) + ")"
    if value is None:
        problems.add(position, "label", f"found none, expected {expected}; add it or delete the row")
    elif not _is_integer(value):
        index = next((index for index, name in labels.items() if value == name), None)
        remedy = f"; write {index}" if index is not None else "; write an integer without quotes"
        if index is None and isinstance(value, str) and value.endswith((".nii", ".nii.gz")):
            remedy = "; a label map needs label 'mask' (segmentation) or 'ignored' (pre-training)"
        problems.add(position, "label", f"found {_kind(value)}, expected {expected}{remedy}")
    elif value < 0 or (num_classes is not None and value >= num_classes):
        problems.add(position, "label", f"found {value}, expected {expected}; correct the label or num_classes")


def _check_leaks(problems: Problems) -> None:
    """A subject belongs to one fold and is written in one way, an image file belongs to one subject."""
    folds: dict[str, dict[Any, int]] = defaultdict(dict)
    spellings: dict[str, tuple[str, int]] = {}
    owners: dict[str, tuple[str, int]] = {}
    for position, row in enumerate(problems.rows):
        if not isinstance(row, Mapping) or row.get("subject") in (None, ""):
            continue
        subject = str(row["subject"])
        spelling, first = spellings.setdefault(unicodedata.normalize("NFC", subject), (subject, position))
        if spelling != subject:  # names of folders are decomposed on macOS, those in tables are not
            text = f"found {subject!a}, expected {spelling!a} as in row {first}, which looks the same"
            problems.add(position, "subject", text)
        if _is_integer(row.get("fold")):
            seen = folds[subject]
            seen.setdefault(row["fold"], position)
            if len(seen) > 1 and seen[row["fold"]] == position:
                other, first = next(iter(seen.items()))
                text = (
                    f"found {row['fold']}, expected {other} as in row {first} of the same subject; assign folds again"
                )
                problems.add(position, "fold", text)
        for path in row["image"] if isinstance(row.get("image"), list) else [row.get("image")]:
            owner, first = owners.setdefault(str(path), (subject, position))
            if owner != subject and path:
                text = f"{path}: found in row {first} as an image of subject {owner} too, expected one subject per file"
                problems.add(position, "image", text)


def _is_integer(value: Any) -> TypeGuard[int]:
    return isinstance(value, int) and not isinstance(value, bool)


def _shown(subject: Any) -> str:
    text = str(subject)
    return text if text.isprintable() else ascii(text)


def _kind(value: Any) -> str:
    """A value for messages, shortened."""
    if value is None or value == "":
        return "none"
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "..."
