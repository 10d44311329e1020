"""Class names and their indices from what a column of labels holds."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterable, Sequence
from os import PathLike, fspath

from ...errors import InputError

__all__ = ["is_number", "label_indices", "label_name", "label_names"]

_CODED = re.compile(r"([+-]?\d+)\s*=\s*(.+)")


def label_indices(
    source: str | PathLike[str], values: Iterable[str], labels: Sequence[str] = (), option: str = "--labels"
) -> tuple[list[str], dict[str, int]]:
    """Class names, and the index of each text that stands for one of them.

    Args:
        source: table, for the message.
        values: texts of the column; empty ones are ignored.
        labels: class names in their order, for which the column may have indices from 0; or each with the number that
            stands for it in the column, such as ``1=low``; by default the sorted values.
        option: option that gives ``labels``, for messages.

    Raises:
        InputError: the column has numbers that are no indices of ``labels`` (-1 beside all of them is an unknown
            label), or no 0: whether 1 is the first or the second name, only the user knows.

    Example:
        >>> label_indices("a.csv", ["1", "2"], ["1=low", "2=high"])
        (['low', 'high'], {'low': 0, 'high': 1, '1': 0, '2': 1})
    """
    values = list(values)
    coded = [match for label in labels if (match := _CODED.fullmatch(label))]
    if coded and len(coded) < len(labels):
        some = ", ".join(match[2] for match in coded)
        raise InputError(f"{option}: found a number for {some} alone, expected one for each name; correct {option}")
    names = [match[2] for match in coded] or list(labels) or label_names(values)
    indices = {name: index for index, name in enumerate(names)}
    if coded:
        codes = [label_name(match[1]) for match in coded]
        if repeated := sorted({code for code in codes if codes.count(code) > 1}):
            raise InputError(f"{option}: found several names for {', '.join(repeated)}, expected one; correct {option}")
        words = {name: index for name, index in indices.items() if not is_number(name)}  # a number is a code here
        return names, words | {code: index for index, code in enumerate(codes)}
    if not labels or any(map(is_number, names)):
        return names, indices
    found = sorted({int(name) for value in values if (name := label_name(value)).lstrip("+-").isdecimal()})
    expected = range(len(names))
    if found and not (found[0] == 0 and found[-1] in expected) and found != [-1, *expected]:  # -1: unknown
        choices = (zip(codes, names, strict=True) for codes in _numberings(found, len(names)))
        texts = (",".join(f"{code}={name}" for code, name in pairs) for pairs in choices)
        remedies = (f"{option} {shlex.quote(text)}" for text in texts)
        raise InputError(
            f"{fspath(source)}: label: found {', '.join(map(str, found))}, expected "
            f"{', '.join(map(str, expected))} for {', '.join(names)}, or these names; say which number is which: "
            f"{' or '.join(remedies)}"
        )
    return names, indices | {str(index): index for index in expected}


def _numberings(found: Sequence[int], number: int) -> Sequence[Sequence[int | str]]:
    """Numbers of the classes of a column with these numbers, in ascending order: as many, or from 0 or 1."""
    if len(found) == number:
        return [found]
    counts = [range(start, start + number) for start in (0, 1)]
    return [each for each in counts if {*found} <= {*each} or {*each} <= {*found}] or [["NUMBER"] * number]


def label_names(values: Iterable[str]) -> list[str]:
    """Class names in the order of their index: the values sorted as numbers or alphabetically.

    Args:
        values: texts of a column; empty ones are ignored, and ``1.0`` is ``1``.
    """
    names = {label_name(value) for value in values} - {""}
    return sorted(names, key=float) if all(map(is_number, names)) else sorted(names)


def label_name(value: str) -> str:
    """A value as class name: a number in its shortest form, other text unchanged."""
    return f"{float(value):.12g}" if is_number(value) else value


def is_number(value: str) -> bool:
    """Whether a text is a number with at most a decimal point."""
    return re.fullmatch(r"[+-]?\d+(\.\d*)?", value) is not None
