"""A few numbers of each lesion of a datalist, which need neither a network nor PyRadiomics."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from ..errors import InputError
from ..images.stored_image import UnreadableImageError

__all__ = ["lesion_numbers"]

Row = Mapping[str, Any]


def lesion_numbers(
    rows: Sequence[Row], measure: Callable[[Row], Mapping[str, float]], key: str = "mask"
) -> tuple[list[dict[str, Any]], list[str]]:
    """Measure each row, however many cannot be measured.

    Args:
        rows: rows of a datalist.
        measure: function from a row to numbers by name.
        key: key of the file that messages name, unless they name one themselves.

    Returns:
        Place (``subject``, ``fold``, ``label``, ...) and numbers of each row that could be measured, and a line for
        each other row.
    """
    records, problems = [], []
    for row in rows:
        try:
            numbers = measure(row)
        except InputError as error:  # with the file
            problems.append(f"{row.get('subject')}: {error}")
        except (UnreadableImageError, OSError) as error:
            reason = error.advice if isinstance(error, UnreadableImageError) else error
            problems.append(f"{row.get('subject')}: {row.get(key)}: {reason}")
        else:
            place = {name: row[name] for name in ("subject", "session", "row", "fold", "label") if name in row}
            records.append({**place, **numbers})
    return records, problems
