"""Text in CSV tables that no spreadsheet executes as a formula, and that reads back as it was."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["csv_text", "original_cell", "plain_cell"]

# Beginnings of a cell, or of a part that is split off one, that a spreadsheet interprets as a formula (OWASP, CSV
# Injection), after apostrophes that are there already, so that each text has its own form.
_FORMULA = re.compile(r"((?:^|[;|\t\r\n])\s*?'*)(?=[=+\-@\t\r])")
_ESCAPED = re.compile(r"((?:^|[;|\t\r\n])\s*?'*)'(?=[=+\-@\t\r])")


def csv_text(table: pd.DataFrame) -> str:
    """A table as CSV without its index: text as :func:`plain_cell`, numbers exactly."""
    table = table.rename(columns=_plain)
    for name in table.columns[table.dtypes.map(lambda kind: kind.kind == "O")]:
        table[name] = table[name].map(_plain)
    text = table.to_csv(index=False)
    # Python quotes a cell with a carriage return only if lines end in one too.
    return table.to_csv(index=False, lineterminator="\r\n") if "\r" in text else text


def _plain(value: Any) -> Any:
    return plain_cell(value) if isinstance(value, str) else value


def plain_cell(text: str) -> str:
    """The text with an apostrophe in front of what a spreadsheet would interpret as a formula.

    Example:
        >>> plain_cell("=1+1"), plain_cell("-7"), plain_cell("a-7")
        ("'=1+1", "'-7", 'a-7')
    """
    return _FORMULA.sub(r"\1'", text)


def original_cell(text: str) -> str:
    """The inverse of :func:`plain_cell`.

    Example:
        >>> original_cell("'=1+1")
        '=1+1'
    """
    return _ESCAPED.sub(r"\1", text)
