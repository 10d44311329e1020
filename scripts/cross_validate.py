"""Compare methods of a bundle by cross-validation: pre-train, probe, fine-tune and report in one command."""

from __future__ import annotations

from pathlib import Path

from common.command_line import run_commands
from common.evaluation import CrossValidation
from common.programs import command_of


def _show(report: Path) -> None:
    print(f"\nReport: {report}\nFigures: {report.parent / 'figures'}")
    print(f"Page: {command_of('report')} {report.parent.parent}")


if __name__ == "__main__":
    run_commands(CrossValidation, method="run_logged", show=_show)
