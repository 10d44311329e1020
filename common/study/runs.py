"""Runs of a study, one after the other."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

__all__ = ["Run", "run_all"]

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Run:
    """A run that makes a file.

    Args:
        name: words for the bar and the log.
        makes: file that is there once the run is done.
        call: function that does it; it goes on where it was killed. By default nothing: another protocol does it.
    """

    name: str
    makes: Path
    call: Callable[[], object] = lambda: None


def run_all(runs: Iterable[Run], after_each: Callable[[], object] = lambda: None) -> None:
    """Do all runs whose file is missing.

    Args:
        runs: runs in their order.
        after_each: function to call after each of them.
    """
    for run in runs:
        if not run.makes.is_file():
            logger.info(run.name)
            run.call()
        after_each()
