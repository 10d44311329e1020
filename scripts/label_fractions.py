"""Compare methods of a bundle by the number of labels: pre-train once, then train on 5 to 100 % of the labels."""

from __future__ import annotations

from pathlib import Path

from common.command_line import run_commands
from common.evaluation import LabelFractions
from common.programs import command_of


def _show(report: Path) -> None:
    print(f"\nTable: {report.parent / 'label_fractions.md'}\nCurves: {report.parent / 'figures/label_fractions.png'}")
    print(f"Report: {report}\nPage: {command_of('report')} {report.parent.parent}")


if __name__ == "__main__":
    run_commands(LabelFractions, method="run_logged", show=_show)
