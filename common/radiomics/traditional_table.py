"""The traditional features of a cohort as a file, where PyRadiomics is installed."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from .cohort import extract_table
from .feature_table import write_table
from .settings import INSTALL, available

__all__ = ["write_traditional_table"]

logger = logging.getLogger(__name__)


def write_traditional_table(rows: Sequence[Mapping[str, Any]], path: str | Path, **kwargs: Any) -> Path | None:
    """Extract the features of ``rows`` and write them as CSV; without PyRadiomics say so and write nothing.

    Args:
        rows: of a datalist.
        path: the CSV to write.
        **kwargs: of :func:`extract_table`.

    Returns:
        The path written, or ``None``.

    Raises:
        InputError: as :func:`extract_table`.
    """
    if not available():
        logger.warning(
            "PyRadiomics is not installed: the learnt features stand alone. To have the traditional ones: %s", INSTALL
        )
        return None
    return write_table(extract_table(rows, **kwargs), path)
