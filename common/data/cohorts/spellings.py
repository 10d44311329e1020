"""Names that are spelled in several ways: one patient in two folds, one class that becomes two."""

from __future__ import annotations

import re
import unicodedata
from collections import defaultdict
from collections.abc import Callable, Iterable

__all__ = ["alike", "several_spellings", "without_zeros"]


def several_spellings(names: Iterable[str], form: Callable[[str], str]) -> list[str]:
    """Different names of one form, each group as text.

    Args:
        names: names, each any number of times.
        form: function of a name that is equal for all of its spellings.

    Example:
        >>> several_spellings(["P1", "p1", "p2", "P1"], alike)
        ['P1 and p1']
    """
    groups: dict[str, list[str]] = defaultdict(list)
    for name in dict.fromkeys(names):
        groups[form(name)].append(name)
    return [" and ".join(group) for group in groups.values() if len(group) > 1]


def alike(name: str) -> str:
    """A name without case, surplus spaces and the ``.0`` that a spreadsheet gives to numbers.

    Example:
        >>> alike("P  1") == alike("p 1"), alike("7.0")
        (True, '7')
    """
    text = " ".join(unicodedata.normalize("NFC", name).casefold().split())
    return re.sub(r"^([+-]?\d+)\.0*$", r"\1", text)


def without_zeros(name: str) -> str:
    """:func:`alike`, and without zeros in front of numbers.

    Example:
        >>> without_zeros("P001"), without_zeros("1.05")
        ('p1', '1.05')
    """
    return re.sub(r"(?<![\d.])0+(?=\d)", "", alike(name))
