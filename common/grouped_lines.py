"""The same problem of many rows in one line."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Callable, Iterable

__all__ = ["SHOWN", "group_lines", "without_numbers"]

MANY = 5  # rows with the same problem that share a line
SHOWN = 5  # of their names in that line, by default
_OF_ROW = re.compile(r"'[^']*'|\d+(?:\.\d+)?")  # what differs between rows with the same problem


def without_numbers(text: str) -> str:
    """A problem without what differs between the rows that have it: numbers, and what is in quotes."""
    return _OF_ROW.sub("", text)


def group_lines(
    problems: Iterable[tuple[int, str, str]], name: Callable[[int], str], total: int, shown: int = SHOWN
) -> list[str]:
    """Lines in the order of the rows, one for each group of many rows with the same problem.

    Args:
        problems: position of the row, the kind of its problem, and its line.
        name: function that names the row at a position; rows of one name are named once.
        total: number of rows, with and without problems.
        shown: number of rows that a line of many names.

    Example:
        >>> group_lines([(i, "empty", f"line {i}: empty") for i in range(6)], lambda i: f"line {i}", 8)
        ['line 0: empty (the same in 6 of 8 rows: line 0, line 1, line 2, line 3, line 4, ...)']
    """
    alike: dict[str, list[tuple[int, str]]] = defaultdict(list)
    for position, kind, line in problems:
        alike[kind].append((position, line))
    lines = []
    for group in alike.values():
        rows = list(dict.fromkeys(position for position, _ in group))
        if len(rows) >= MANY:
            names = list(dict.fromkeys(map(name, rows)))
            more = ", ..." if len(names) > shown else ""
            listed = f"the same in {len(rows)} of {total} rows: {', '.join(names[:shown])}{more}"
            group = [(rows[0], f"{group[0][1]} ({listed})")]
        lines += group
    return [text for _, text in sorted(lines, key=lambda item: item[0])]
