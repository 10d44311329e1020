"""Train the final model of a chosen method: cross-validated, calibrated, then trained on all labelled subjects."""

from __future__ import annotations

from pathlib import Path

from common.command_line import run_commands
from common.evaluation import FinalModel
from common.programs import command_of


def _show(weights: Path) -> None:
    calibration = weights.with_name("calibration.json")
    options = f" --calibration {calibration}" if calibration.is_file() else ""
    print(f"\nReport: {weights.parent.parent / 'report' / 'report.md'}\nWeights: {weights}")
    print(
        f"Next: {command_of('package')} ... --weights {weights} --metrics {weights.with_name('metrics.json')}{options}"
    )


if __name__ == "__main__":
    run_commands(FinalModel, method="run_logged", show=_show)
