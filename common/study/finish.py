"""From the chosen row to a model to hand on: trained, calibrated out of fold, packaged, tried on five cases."""

from __future__ import annotations

import json
import logging
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ..bundle_configs import PRETRAIN, BundleConfigs, overlays_of
from ..errors import InputError
from ..evaluation.protocols.final_model import TASKS
from ..evaluation.protocols.methods import FineTuning
from ..evaluation.protocols.read_methods import read_fine_tunings
from ..evaluation.protocols.repetitions import modality_names
from ..files import file_digest, write_atomically
from .compare import COMPARE, shared_options
from .ensemble import write_ensemble
from .final_training import FinalTraining
from .plan import Plan
from .stage_table import training_config

__all__ = [
    "FINAL",
    "calibrate",
    "collect_weights",
    "final_training_of",
    "is_hybrid",
    "package",
    "read_row",
    "training_settings",
    "write_metrics",
]

FINAL = "final"
logger = logging.getLogger(__name__)


def read_row(plan: Plan, study: Path, text: str) -> FineTuning:
    """The network of a method."""
    configs = BundleConfigs(plan.bundle)
    return next(iter(read_fine_tunings(configs, [text], modality_names(study / "datalist.json"))))


def final_training_of(study: Path, plan: Plan, text: str) -> FinalTraining | None:
    """The training on all labelled subjects; ``None`` where the networks of the comparison are used.

    With a separate test set the network that was tested on it has been trained on all other subjects already.
    """
    if plan.final["kind"] == "ensemble" or plan.test_datalist is not None:
        return None
    return training_settings(study, plan, text)


def training_settings(study: Path, plan: Plan, text: str) -> FinalTraining:
    """The training of a method with the first seed and the settings of the plan.

    Settings that only the extraction of features has are left out, as the final training would refuse them.
    """
    configs = BundleConfigs(plan.bundle)
    features = configs.ids("extract_features").keys() - configs.ids(PRETRAIN, *TASKS[plan.task][:2]).keys()
    shared = {name: value for name, value in shared_options(study, plan).items() if name.split("#")[0] not in features}
    options: dict[str, Any] = {"method": text, "task": plan.task, **shared}
    if plan.task == "classification" and (seed := plan.seeds[0]):  # the configs have 0
        for stage in ("pretrain", "train") if plan.vary_pretraining else ("train",):
            options[stage] = {"seed": seed, **options[stage]}
    return FinalTraining(output_dir=study / FINAL / "training", **options)


def collect_weights(study: Path, plan: Plan, text: str, training: FinalTraining | None) -> list[str]:
    """Put ``model.pt`` and what belongs to it into ``final``.

    Returns:
        Overlays of ``train.yaml`` for the weights.
    """
    from ..deploy.packaging.hybrid_archive import needs_radiomics

    final, row = study / FINAL, read_row(plan, study, text)
    overlays = [*overlays_of(training_config(plan.task), plan.overlays), *row.overlays]
    if training is not None:
        return _copied(training.folder, final, overlays)
    folders = [path.parent for path in weights_of_folds(study, plan, row)]
    if len(folders) == 1 or plan.final["kind"] == "all":
        return _copied(folders[0], final, overlays)
    if needs_radiomics(plan.bundle, folders[0] / "model.pt"):
        raise InputError(
            f"plan.yaml: final: kind: found ensemble of {row.name}, whose folds have a scale of the radiomics each; "
            "expected all; correct it"
        )
    written = write_ensemble(BundleConfigs(plan.bundle), overlays, [folder / "model.pt" for folder in folders], final)
    return [*overlays, str(written)]


def weights_of_folds(study: Path, plan: Plan, row: FineTuning) -> list[Path]:
    """Weights of a row by fold, of the first seed and all labels."""
    root = study / COMPARE
    if plan.task == "classification":
        root = root / f"labels{100 * max(plan.fractions):g}" / f"seed{plan.seeds[0]}"
    return [row.checkpoint(root, fold) for fold in plan.folds]


def _copied(source: Path, final: Path, overlays: Sequence[str]) -> list[str]:
    final.mkdir(parents=True, exist_ok=True)
    for name in ("model.pt", "scaling.json"):
        if (source / name).is_file():
            shutil.copyfile(source / name, final / name)
    return list(overlays)


def calibrate(study: Path, plan: Plan, text: str) -> tuple[Path | None, str]:
    """Calibrate on the predictions of held-out subjects in the comparison.

    Returns:
        ``final/calibration.json`` and no text; or ``None`` and the reason with a separate test set, which nothing is
        fitted to, and for a classifier that cannot be calibrated, such as one at chance level.
    """
    if plan.test_datalist is not None:
        return None, "the only predictions are those of the test set"
    from ..evaluation.reports.calibration_report import write_calibration
    from ..evaluation.statistics.calibration_rows import read_calibration_rows
    from ..evaluation.statistics.calibration_summary import judge_calibration

    row = read_row(plan, study, text)
    tables = [path.parent / "evaluate" / "predictions.csv" for path in weights_of_folds(study, plan, row)]
    path = study / FINAL / "calibration.json"
    try:
        write_calibration(judge_calibration(read_calibration_rows(tables)), path)
    except InputError as error:
        for other in path.parent.glob("calibration*"):  # of a method that was chosen before
            other.unlink()
        return None, str(error)
    return path, ""


def package(study: Path, plan: Plan, overlays: Sequence[str], calibration: Path | None, metrics: Path) -> Path:
    """Write and check the archive: for receivers that accept no code, unless the network takes radiomics.

    Raises:
        InputError: the network cannot be packaged.
    """
    from ..deploy.package import package_bundle
    from ..deploy.packaging.hybrid_archive import needs_radiomics, package_hybrid
    from ..deploy.verification.archive import open_archive
    from ..deploy.verification.scan import scan_folder

    final = study / FINAL
    files: dict[str, Any] = {"weights": final / "model.pt", "calibration": calibration, "metrics": metrics}
    settings = overlaid_settings(plan, overlays)
    if needs_radiomics(plan.bundle, final / "model.pt"):  # which is Python
        return package_hybrid(plan.bundle, final, **files, overlays=overlays, **settings)
    archive = package_bundle(plan.bundle, "inference", final, **files, overlays=overlays, **settings)
    with open_archive(archive) as folder:
        if problems := scan_folder(folder):
            raise InputError.of_rows(f"{archive}: refused, as it may run code", problems)
    return archive


def is_hybrid(archive: Path) -> bool:
    """Whether an archive of :func:`package` measures radiomics, and so runs Python."""
    return archive.stem.endswith("_hybrid")


def write_metrics(study: Path, plan: Plan, text: str) -> Path:
    """Write ``final/metrics.json``: the scores of the chosen row alone, as model card and metadata have one method."""
    summary = json.loads((study / COMPARE / "report" / "metrics.json").read_text(encoding="utf-8"))
    name, fraction = read_row(plan, study, text).name, max(plan.fractions)
    results = [entry for entry in summary["results"] if entry["set"] == name]
    summary["results"] = [entry for entry in results if entry.get("fraction", fraction) == fraction]
    content = {key: value for key, value in summary.items() if key != "comparisons"}
    return write_atomically(study / FINAL / "metrics.json", json.dumps(content, indent=2) + "\n")


def overlaid_settings(plan: Plan, overlays: Sequence[str]) -> dict[str, Any]:
    """Settings of the plan for ids that an overlay sets too: the weights were trained with the plan's values.

    Args:
        plan: plan of the study.
        overlays: overlays of the training; those that are paths, such as an ensemble's, count for nothing here.
    """
    configs, settings = BundleConfigs(plan.bundle), {**plan.settings, **plan.train}
    named = configs.ids(*(name for name in overlays if name in configs.names()))
    return {name: value for name, value in settings.items() if name.split("#")[0] in named}


def final_entry(
    study: Path, plan: Plan, archive: Path, cases: Any, calibration: Path | None = None, uncalibrated: str = ""
) -> Mapping[str, Any]:
    """What ``study.json`` says of the final model."""
    kind = "test" if plan.test_datalist is not None and plan.final["kind"] == "all" else plan.final["kind"]
    return {
        "kind": kind,
        "weights": f"{FINAL}/model.pt",
        "calibration": None if calibration is None else f"{FINAL}/{calibration.name}",
        **({"uncalibrated": uncalibrated} if uncalibrated else {}),
        "archive": str(archive.relative_to(study)),
        "sha256": file_digest(archive, "sha256"),
        "cases": cases,
    }
