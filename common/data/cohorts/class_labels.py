"""Class names and their indices from what a column of labels holds."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from os import PathLike, fspath

from ...errors import InputError

__all__ = ["label_indices", "label_name", "label_names"]

_CODED = re.compile(r"([+-]?\d+)=(.+)")


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
        InputError: the column has numbers that are no indices of ``labels``, or starts at 1: whether 1 is the first or
            the second name, only the user knows.

    Example:
        >>> label_indices("a.csv", ["1", "2"], ["1=low", "2=high"])
        (['low', 'high'], {'low': 0, 'high': 1, '1': 0, '2': 1})
    """
    values = list(values)
    coded = [_CODED.fullmatch(label) for label in labels]
    names = [match[2] for match in coded if match] if all(coded) else list(labels)
    names = names or label_names(values)
    indices = {name: index for index, name in enumerate(names)}
    if labels and all(coded):
        codes = [match[1] for match in coded if match]
        if repeated := sorted({code for code in codes if codes.count(code) > 1}):
            raise InputError(f"{option}: found several names for {', '.join(repeated)}, expected one; correct {option}")
        return names, indices | {label_name(code): index for index, code in enumerate(codes)}
    if not labels or any(map(_is_number, names)):
        return names, indices
    found = sorted({int(name) for value in values if (name := label_name(value)).lstrip("+-").isdecimal()})
    if found and not (found[0] == 0 and found[-1] < len(names)):
        pairs = zip(found, names, strict=True) if len(found) == len(names) else [("NUMBER", name) for name in names]
        raise InputError(
            f"{fspath(source)}: label: found {', '.join(map(str, found))}, expected "
            f"{', '.join(map(str, range(len(names))))} for {', '.join(names)}, or these names; say which number is "
            f"which: {option} {','.join(f'{code}={name}' for code, name in pairs)}"
        )
    return names, indices | {str(index): index for index in range(len(names))}


def label_names(values: Iterable[str]) -> list[str]:
    """Class names in the order of their index: the values sorted as numbers or alphabetically.

    Args:
        values: texts of a column; empty ones are ignored, and ``1.0`` is ``1``.
    """
    names = {label_name(value) for value in values} - {""}
    return sorted(names, key=float) if all(map(_is_number, names)) else sorted(names)


def label_name(value: str) -> str:
    """A value as class name: a number in its shortest form, other text unchanged."""
    return f"{float(value):.12g}" if _is_number(value) else value


def _is_number(value: str) -> bool:
    return re.fullmatch(r"[+-]?\d+(\.\d*)?", value) is not None
