"""The last step of a study: its parts in order."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TextIO

from ..data.datalist_writer import absolute_row
from ..errors import InputError
from .compare import comparison_of, measured_pace, watched_runs
from .final_training import FinalTraining
from .finish import (
    FINAL,
    calibrate,
    collect_weights,
    final_entry,
    final_training_of,
    is_hybrid,
    package,
    training_settings,
    write_metrics,
)
from .plan import Plan
from .progress import Watched, watching
from .stage_table import CONSTANT
from .trial import check_weights, choose_cases, try_archive, try_hybrid

__all__ = ["finish"]


def finish(
    study: Path, plan: Plan, method: str, terminal: TextIO, conclude: Callable[[Mapping[str, Any]], object]
) -> Mapping[str, Any]:
    """Train, calibrate, package, try and conclude under one bar.

    Args:
        study: folder of the study.
        plan: its plan.
        method: chosen row.
        terminal: stream of the bar.
        conclude: function that is called with the entry of the final model at the end.

    Returns:
        Entry ``final`` of ``study.json``.

    Raises:
        InputError: the network cannot be packaged, or a case cannot be predicted.
    """
    training = final_training_of(study, plan, method)
    runs = watched_runs(training.tasks(), plan) if training is not None else []
    compared = watched_runs(comparison_of(study, plan).tasks(), plan)
    rest = Watched("calibration, archive, trial, report", None, CONSTANT)
    with watching([*runs, rest], terminal, "finish", pace=measured_pace(study, plan, compared)):
        if training is not None:
            training.run()
        entry = _hand_on(study, plan, method, training)
        conclude(entry)
    return entry


def _hand_on(study: Path, plan: Plan, method: str, training: FinalTraining | None) -> Mapping[str, Any]:
    """Calibrate, package and try the weights."""
    overlays = collect_weights(study, plan, method, training)
    metrics = write_metrics(study, plan, method)
    rows = json.loads((study / "datalist.json").read_text(encoding="utf-8"))["training"]
    cases = choose_cases([absolute_row(row, study) for row in rows])
    device, trial = str(plan.settings.get("device", "cpu")), study / FINAL / "trial"
    shutil.rmtree(trial, ignore_errors=True)  # of a model that was final before
    if plan.task == "segmentation":
        from .segmenter import TORCHSCRIPT, export_segmenter, try_segmenter

        settings = training or training_settings(study, plan, method)
        archive = export_segmenter(study / FINAL, settings, metrics)
        check_weights(archive, study / FINAL / TORCHSCRIPT)
        return final_entry(study, plan, archive, try_segmenter(archive, cases, trial, device))
    calibration, uncalibrated = calibrate(study, plan, method)
    archive = package(study, plan, overlays, calibration, metrics)
    check_weights(archive, (study / FINAL if training is None else training.folder) / "model.pt")
    if not cases:
        raise InputError(f"{study / 'datalist.json'}: no labelled case to try the archive on; expected some")
    run = try_hybrid if is_hybrid(archive) else try_archive
    tried = run(archive, cases, trial, device)
    return final_entry(study, plan, archive, tried, calibration, uncalibrated)
