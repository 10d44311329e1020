"""A datalist written anew, in which subjects with near-duplicates are one."""

from __future__ import annotations

import json
import logging
import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

from ...datalist_json import read_datalist
from ...errors import InputError
from ...files import write_atomically
from ..datalist_writer import absolute_row, portable_row
from ..near_duplicates import MOST, joined_subjects
from .collect import expect_choice

__all__ = ["near_duplicates_datalist"]

SECTIONS = ("training", "testing")

logger = logging.getLogger(__name__)


def near_duplicates_datalist(
    datalist: str | os.PathLike, output: str | os.PathLike, incomplete: Literal["report", "drop"] = "report"
) -> Path:
    """A datalist whose near-duplicates have one subject: other frames and crops of a lesion, copies of an image.

    Subjects whose images look the same, by the measure of ``doctor.py``, become the first of them and share its fold,
    or that of their first row with a label. All else remains as it is.

    Args:
        datalist: datalist of any cohort.
        output: JSON to write; the given datalist may be replaced.
        incomplete: treatment of training rows that look like rows of the section testing: "report" stops with a list
            of them; "drop" leaves them out and logs which.

    Returns:
        The path written.

    Raises:
        InputError: rows have no image or subject, or training rows look like rows of the test set and are not dropped.
    """
    expect_choice("incomplete", incomplete, ("report", "drop"))
    datalist, output = Path(os.path.abspath(datalist)), Path(os.path.abspath(output))
    content = read_datalist(datalist)
    sections = {name: content[name] for name in SECTIONS if isinstance(content.get(name), list)}
    if problems := list(_problems(sections)):
        raise InputError.of_rows(str(datalist), problems)
    rows, number = [row for name in sections for row in sections[name]], len(sections.get("training", ()))
    subjects = joined_subjects([absolute_row(row, datalist.parent) for row in rows])
    left_out = _like_tests(datalist, rows, subjects, number, incomplete)
    written = _with_subjects(rows, subjects)
    if output.parent != datalist.parent:
        written = [portable_row(absolute_row(row, datalist.parent), output.parent) for row in written]
    kept = [row for place, row in enumerate(written[:number]) if place not in left_out]
    content |= {name: kept if name == "training" else written[number:] for name in sections}
    if len(rows) > MOST:
        logger.warning("%s: only the first %d of %d rows were compared", datalist, MOST, len(rows))
    before, after = (len({str(name) for name in names}) for names in ([row["subject"] for row in rows], subjects))
    logger.info("%s: %d subjects instead of %d, as images of some look the same", output, after, before)
    return write_atomically(output, json.dumps(content, indent=2, ensure_ascii=False) + "\n")


def _like_tests(
    datalist: Path, rows: Sequence[Mapping[str, Any]], subjects: Sequence[Any], number: int, incomplete: str
) -> set[int]:
    """Places of the training rows, the first ``number``, to leave out, as the same subject is in the test set."""
    both = {str(name) for name in subjects[:number]} & {str(name) for name in subjects[number:]}
    alike = [place for place in range(number) if str(subjects[place]) in both]
    lines = [f"training[{place}] (subject {rows[place]['subject']}): looks like a row of testing" for place in alike]
    if lines and incomplete == "report":
        report = InputError.of_rows(str(datalist), lines)
        raise InputError(f"{report}\nleave them out with --incomplete drop")
    for line in lines:
        logger.warning("dropped %s", line)
    return set(alike)


def _problems(sections: Mapping[str, Sequence[Any]]) -> Iterator[str]:
    """A line for each row without an image or subject."""
    if not any(sections.values()):
        yield f"found no rows, expected some in {' or '.join(SECTIONS)}"
    for name, rows in sections.items():
        for place, row in enumerate(rows):
            given = row if isinstance(row, Mapping) else {}
            if lacking := [key for key in ("image", "subject") if given.get(key) in (None, "", [])]:
                yield f"{name}[{place}]: found no {' and no '.join(lacking)}, expected both; correct the row"


def _with_subjects(rows: Sequence[Mapping[str, Any]], subjects: Sequence[Any]) -> list[dict[str, Any]]:
    """The rows with these subjects, each joined one in one fold, that of its first row with a label if it has one."""
    both = list(zip(rows, subjects, strict=True))
    joined = {str(new) for row, new in both if str(row["subject"]) != str(new)}
    folds: dict[str, Any] = {}
    for row, new in sorted(both, key=lambda pair: pair[0].get("label") is None):
        if "fold" in row and str(new) in joined:
            folds.setdefault(str(new), row["fold"])
    shared = ({"fold": folds[str(new)]} if "fold" in row and str(new) in folds else {} for row, new in both)
    return [{**row, "subject": new, **fold} for (row, new), fold in zip(both, shared, strict=True)]
