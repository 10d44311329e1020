"""Tables that users write, as CSV or TSV: one reader, one list of missing values, one set of checks."""

from __future__ import annotations

import csv
import difflib
import logging
import re
from collections.abc import Collection, Iterable, Sequence
from itertools import dropwhile
from pathlib import Path
from typing import Any

from .errors import InputError, one_line
from .grouped_lines import group_lines

__all__ = ["MISSING", "near_names", "read_table"]

logger = logging.getLogger(__name__)

#: Missing values of R, pandas, BIDS, SQL and spreadsheets: the list of pandas, without the empty string.
MISSING = frozenset(
    ["#N/A", "#N/A N/A", "#NA", "<NA>", "N/A", "NA", "NULL", "NaN", "None", "n/a", "nan", "null", "-nan"]
)
_NO_HEADER = re.compile(r'[\s,;]*|"?sep=.?"?\s*', re.IGNORECASE)
_NEAR = 0.8  # of difflib: one letter less, more or exchanged in a word of five


def read_table(
    path: Path,
    columns: Sequence[str],
    delimiter: str = "",
    whole: bool = False,
    optional: Sequence[str] = (),
    remedy: str = "",
) -> list[dict[str, str]]:
    """Rows of a CSV file with a header, as stripped text.

    Missing values (``NA``, ``n/a``, ``NULL``, ...) become empty text, and so do cells that a line lacks at its end,
    unless ``whole`` asks for as many as the header has.

    Args:
        path: table to read.
        columns: columns that it must have.
        delimiter: character between cells; by default the one of ``,``, ``;`` and tab that gives most of the columns
            that are asked for, as a spreadsheet's depends on its language. Empty lines before the header are skipped,
            as is Excel's ``sep=;``.
        whole: whether to refuse lines with fewer cells than the header.
        optional: columns that it may have; where one is absent and another has nearly its name, a warning is logged.
        remedy: what to do where a column is missing.

    Returns:
        For each line the text by column.

    Raises:
        InputError: the file does not exist, is no CSV, has a column twice or lacks one of ``columns``, or has a line
            with more cells than its header, or fewer.
    """
    if not path.is_file():  # reading a pipe may never end
        found = "no regular file" if path.exists() else "no such file"
        more = f", and for some uses {', '.join(optional)}" if optional else ""
        raise InputError(f"{path}: found {found}, expected a CSV with the columns {', '.join(columns)}{more}")
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            text = list(dropwhile(_NO_HEADER.fullmatch, file))
        if any("\0" in line for line in text):  # of UTF-16; no path can have it
            raise csv.Error("it has NUL characters")
        # only those of the header: Python refuses one long cell, which the others make of thousands of columns
        choices = delimiter or [each for each in ",;\t" if each in "".join(text[:1])] or ","
        headers = {each: [name.strip() for name in next(csv.reader(text, delimiter=each), ())] for each in choices}
        known = {*columns, *optional}
        delimiter = max(headers, key=lambda each: (len(known & {*headers[each]}), len(headers[each])))
        header, lines = headers[delimiter], list(csv.DictReader(text, delimiter=delimiter))
    except (csv.Error, UnicodeDecodeError) as error:
        found = f"found no CSV ({one_line(error)}), expected columns {', '.join(columns)}; save it as CSV UTF-8"
        raise InputError(f"{path}: {found}") from error
    absent = [column for column in optional if column not in header]
    if missing := [column for column in columns if column not in header]:
        nearest = near_names([*missing, *absent], header, [*columns, *optional])
        hints = "".join(f"; if the column {near} is the {column}, rename it to {column}" for column, near in nearest)
        hints = hints or (f"; {remedy}" if remedy and header else "")
        found = f"found the columns {', '.join(header)}" if header else "found an empty file"
        more = (" too" + f", and for some uses {', '.join(absent)}" * bool(absent)) * bool(header)
        raise InputError(f"{path}: {found}, expected {', '.join(missing)}{more}{hints}")
    for column, near in near_names(absent, header, [*columns, *optional]):
        logger.warning("%s: found a column %s and none %s; rename it if it is the %s", path, near, column, column)
    _check_shape(path, header, lines, whole)
    return [{name.strip(): _cell(value) for name, value in line.items() if name} for line in lines]


def near_names(absent: Iterable[str], header: Iterable[str], known: Collection[str]) -> list[tuple[str, str]]:
    """Absent columns with the one of the table whose name is nearest, in any case of letters.

    Args:
        absent: names that are expected and not there.
        header: names that are there.
        known: names with a meaning of their own.
    """
    others = {name.casefold(): name for name in header if name not in known}
    found = ((name, difflib.get_close_matches(name.casefold(), others, n=1, cutoff=_NEAR)) for name in absent)
    return [(name, others[near[0]]) for name, near in found if near]


def _check_shape(path: Path, header: Sequence[str], lines: Sequence[dict[Any, Any]], whole: bool) -> None:
    """Refuse columns of one name, of which Python would keep the last, and lines that are shifted or cut."""
    if doubled := sorted({name for name in header if name and header.count(name) > 1}):
        raise InputError(f"{path}: found several columns {', '.join(doubled)}, expected one each; rename the others")
    problems = []
    for number, line in enumerate(lines, start=2):  # the header is line 1, as in a spreadsheet
        if any(map(str.strip, line.get(None) or ())) or (whole and None in line.values()):
            problems.append((number, "", f"line {number}: found other cells than the {len(header)} of the header"))
    if problems:
        raise InputError.of_rows(str(path), group_lines(problems, lambda number: f"line {number}", len(lines)))


def _cell(value: str | None) -> str:
    text = (value or "").strip()
    return "" if text in MISSING else text
