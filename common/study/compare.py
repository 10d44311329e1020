"""The comparison of a study: the protocol that the plan describes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from ..bundle_configs import PRETRAIN, BundleConfigs
from ..evaluation.protocols.label_fractions import LabelFractions
from ..evaluation.protocols.methods import FineTuning, Probe
from ..evaluation.protocols.segmentation import Segmentation
from ..tasks import Task
from .plan import Plan
from .progress import Watched

__all__ = ["COMPARE", "comparison_of", "row_entries", "shared_options", "watched_runs"]

COMPARE = "compare"
SHORT = 3.0  # seconds of a run that the estimate does not list


def shared_options(study: Path, plan: Plan) -> dict[str, Any]:
    """Arguments of every protocol: bundle, cohort and settings of the plan."""
    cached = "cache_dir" in BundleConfigs(plan.bundle).ids(PRETRAIN)
    return {
        "bundle": plan.bundle,
        "dataset_dir": plan.dataset_dir,
        "overlays": plan.overlays,
        "pretrain": plan.pretrain,
        "train": plan.train,
        "datalist": str(study / "datalist.json"),
        **({"cache_dir": str(study / "cache")} if cached else {}),
        **plan.settings,
    }


def comparison_of(study: Path, plan: Plan) -> LabelFractions | Segmentation:
    """The comparison that a plan describes.

    Raises:
        InputError: a method, fold or id of the plan is unknown; all are listed.
    """
    folder, shared = study / COMPARE, shared_options(study, plan)
    if plan.task == "segmentation":
        return Segmentation(output_dir=folder, methods=plan.methods, fold=plan.folds, workers=plan.workers, **shared)
    options: dict[str, Any] = {
        "fractions": plan.fractions,
        "seeds": plan.seeds,
        "fold": plan.folds,
        "workers": plan.workers,
    }
    return LabelFractions(output_dir=folder, methods=plan.methods, **options, **shared)


def watched_runs(tasks: Iterable[Task], plan: Plan) -> list[Watched]:
    """Tasks with the seconds that the plan expects of them.

    Args:
        tasks: tasks of a comparison or of the final training.
        plan: plan with an estimate of each stage.
    """
    stages = [stage for stage in plan.estimate.get("stages", []) if stage["runs"]]
    return [Watched(task.name, task.makes, _expected(task.name, stages)) for task in tasks]


def _expected(name: str, stages: Sequence[Mapping[str, Any]]) -> float:
    """Seconds of a run, by the longest stage whose words its name holds."""
    named = [(stage["what"].removeprefix("training "), stage) for stage in stages]
    found = [(len(words), stage["seconds"] / stage["runs"]) for words, stage in named if words.lower() in name.lower()]
    return max(found)[1] if found else SHORT


def row_entries(comparison: LabelFractions | Segmentation, plan: Plan) -> list[dict[str, str]]:
    """Text, name, kind and folder of each row, for ``study.json``."""
    entries = []
    for row in comparison.rows:
        if isinstance(row, Probe):
            kind = "probe" if row.start else "radiomics"
        else:
            kind = row.start if isinstance(row.start, str) else "pretrained"
        entries.append({"text": _text_of(row, comparison, plan), "name": row.name, "kind": kind, "folder": row.folder})
    return entries


def _text_of(row: FineTuning | Probe, comparison: LabelFractions | Segmentation, plan: Plan) -> str:
    """The method of the plan from which a row was read."""
    from ..evaluation.protocols.read_methods import read_fine_tunings, read_rows

    reader = read_fine_tunings if plan.task == "segmentation" else read_rows
    for text in plan.methods:
        if any(each.folder == row.folder for each in reader(comparison.configs, [text], comparison.modalities)):
            return text
    raise KeyError(row.folder)
