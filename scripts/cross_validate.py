"""Compare methods of a bundle by cross-validation: pre-train, probe, fine-tune and report in one command."""

from __future__ import annotations

from pathlib import Path

from common.command_line import run_commands
from common.evaluation import CrossValidation


def _show(report: Path) -> None:
    print(f"\nReport: {report}\nFigures: {report.parent / 'figures'}")
    print(f"Page: python scripts/report.py {report.parent.parent}")


if __name__ == "__main__":
    run_commands(CrossValidation, method="run", show=_show)
