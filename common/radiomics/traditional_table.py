"""The traditional features of a cohort as a CSV file, if PyRadiomics is installed."""

from __future__ import annotations

import logging
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any

from ..errors import InputError
from ..feature_table import feature_columns, write_table
from ..programs import install_command
from .cohort import extract_table
from .settings import available

__all__ = ["write_traditional_table"]

logger = logging.getLogger(__name__)


def write_traditional_table(
    rows: Sequence[Mapping[str, Any]], path: str | Path, without: Collection[str] = (), **kwargs: Any
) -> Path | None:
    """Extract the features of ``rows`` and write them as CSV; without PyRadiomics, log a warning and write nothing.

    Args:
        rows: rows of a datalist.
        path: CSV file to write.
        without: PyRadiomics' feature classes to leave out, such as ``shape`` (also in 2D) for features independent of
            a lesion's size and outline; they are measured nevertheless, so that both tables share the cache.
        **kwargs: keyword arguments of :func:`extract_table`.

    Returns:
        The path written, or ``None``.

    Raises:
        InputError: see :func:`extract_table`; or a class in ``without`` has no features.
    """
    if not available():
        logger.warning(
            "PyRadiomics is not installed: there are only learnt features. To add traditional ones, run: %s",
            install_command("radiomics"),
        )
        return None
    table = extract_table(rows, **kwargs)
    classes = {column: column.split("_")[-2].removesuffix("2D") for column in feature_columns(table)}
    if unknown := sorted(set(without) - set(classes.values())):
        known = ", ".join(sorted(set(classes.values())))
        raise InputError(f"radiomics: without {', '.join(unknown)}: no such feature; expected some of {known}")
    return write_table(table.drop(columns=[column for column, name in classes.items() if name in without]), path)
