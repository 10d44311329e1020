"""Tables in Markdown."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

__all__ = ["table_lines"]


def table_lines(header: Sequence[str], rows: Sequence[Sequence[str]]) -> Iterator[str]:
    """Lines of a Markdown table.

    Args:
        header: titles of the columns.
        rows: cells of each row, as many as in ``header``.
    """
    yield "| " + " | ".join(header) + " |"
    yield "|" + "---|" * len(header)
    for row in rows:
        yield "| " + " | ".join(row) + " |"
