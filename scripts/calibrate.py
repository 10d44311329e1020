"""Calibrate a classifier's probabilities on held-out predictions, and choose its threshold for abstention."""

from __future__ import annotations

from common.command_line import run_commands


def calibrate(
    *predictions: str,
    output: str,
    target_accuracy: float | None = None,
    resamples: int = 2000,
    confidence: float = 0.95,
    seed: int = 0,
) -> None:
    """Write calibration.json for scripts/package.py, and beside it a page and figures on the cost of abstention.

    Args:
        predictions: predictions.csv of evaluate.yaml, one per held-out fold; "{fold}" in a name means all folds.
        output: calibration.json to write.
        target_accuracy: minimum accuracy of called cases, e.g. 0.9; by default all cases are called.
        resamples: number of bootstrap samples of the subjects.
        confidence: confidence level of the intervals.
        seed: random seed for the bootstrap, and for the partition of a single fold.
    """
    from common.evaluation.reports.calibration_report import write_calibration
    from common.evaluation.statistics.calibration_rows import read_calibration_rows
    from common.evaluation.statistics.calibration_summary import judge_calibration

    rows = read_calibration_rows(predictions, seed=seed)
    judged = judge_calibration(rows, target_accuracy, resamples=resamples, confidence=confidence, seed=seed)
    found = write_calibration(judged, output)
    error = found["expected_calibration_error"]
    print(f"temperature {found['temperature']:.3f}, threshold {found['threshold']:.3f}")
    print(f"expected calibration error {error['before']:.3f} before, {error['after']:.3f} after, on unseen cases")
    right = "" if found["accuracy_of_calls"] is None else f", {found['accuracy_of_calls']:.1%} of them correctly"
    print(f"called: {found['coverage']:.1%} of unseen cases{right}")
    print(output)


if __name__ == "__main__":
    run_commands(calibrate)
