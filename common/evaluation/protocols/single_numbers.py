"""Names of single numbers of a lesion, such as ``LogVolume`` in the row ``outline.LogVolume``."""

from __future__ import annotations

import itertools
import re
from collections.abc import Sequence

from ...errors import InputError
from ...hints import did_you_mean
from ...radiomics.outline import OUTLINE_NUMBERS
from ...radiomics.position import POSITION_NUMBERS

__all__ = ["check_number"]


def check_number(row: str, table: str, number: str, modalities: Sequence[str]) -> None:
    """Refuse a number that no cohort has, before anything is measured.

    Which labels a mask has, and how modalities are called that the datalist does not name, the measurement finds.

    Args:
        row: text of the row.
        table: ``outline``, ``position``, ``composition`` or ``modality_differences``.
        number: name after the dot.
        modalities: names of the cohort's modalities, in their order; empty if the datalist names none.

    Raises:
        InputError: there is no such number.
    """
    if not number:
        raise InputError(f"{row}: found no number after the dot; expected one, such as outline.LogVolume")
    if table == "composition":
        if not re.fullmatch(r"Label[1-9]\d*", number):
            raise InputError(
                f"{row}: composition has no number {number!r}; expected Label1 for the mask's 1, and so on"
            )
        return
    if table == "modality_differences":
        known = [f"{later} minus {earlier}" for earlier, later in itertools.combinations(modalities, 2)]
    else:
        known = list({"outline": OUTLINE_NUMBERS, "position": POSITION_NUMBERS}[table])
    if known and number not in known:
        hint = did_you_mean(number, known, f"expected one of {'; '.join(known)}")
        raise InputError(f"{row}: {table} has no number {number!r}; {hint}")
