"""Reproduce a table or figure of a paper on a cohort, laid out as the paper's, with the statistics that it lacks."""

from __future__ import annotations

from pathlib import Path

from common.command_line import run_commands
from common.reproduce import Reproduction


def _show(page: Path) -> None:
    print(f"\nPage: {page}")


if __name__ == "__main__":
    run_commands(Reproduction, method="run_logged", show=_show)
