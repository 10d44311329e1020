"""Which features the rows of the paper's Table 2 put together."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from pathlib import Path

from ...errors import InputError
from ..fold_files import numbered_files

__all__ = ["with_traditional"]

logger = logging.getLogger(__name__)


def with_traditional(learnt: Mapping[str, str], traditional: str | Path | None) -> dict[str, list[str]]:
    """Traditional radiomics alone, each learnt representation alone, and each together with the traditional ones.

    "We concatenate them to a new feature vector f = [f_trad, f_SSL]" (paper 003, section 3). Where there is no table of
    traditional features (PyRadiomics is not installed), the learnt ones stand alone and the log says so.

    Args:
        learnt: a method's name and its feature table, for each method.
        traditional: table of the traditional features; one per seed where it holds ``{seed}``.

    Returns:
        The feature sets of :class:`LinearProbe`, in the order of the paper's Table 2.
    """
    alone = {name: [table] for name, table in learnt.items()}
    if traditional is None or not _exists(traditional):
        logger.warning(f"{traditional}: no table of traditional features; the learnt features are evaluated alone.")
        return alone
    together = {f"Trad. + {name}": [str(traditional), table] for name, table in learnt.items()}
    return {"Trad. radiomics": [str(traditional)], **alone, **together}


def _exists(path: str | Path) -> bool:
    try:
        return bool(numbered_files(path))
    except InputError:
        return False
