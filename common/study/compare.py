"""The comparison of a study: the protocol that the plan describes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from ..bundle_configs import PRETRAIN, BundleConfigs
from ..evaluation.protocols.comparison import Comparison
from ..evaluation.protocols.costs import read_costs
from ..evaluation.protocols.label_fractions import LabelFractions
from ..evaluation.protocols.methods import Encoder
from ..evaluation.protocols.segmentation import Segmentation
from ..tasks import Task
from .pace import Pace
from .plan import Plan
from .progress import Watched
from .protocol import read_descriptions
from .row_descriptions import describe_row, kind_of, study_rows

__all__ = ["COMPARE", "REMEDY", "comparison_of", "measured_pace", "row_entries", "shared_options", "watched_runs"]

COMPARE = "compare"
#: What to do where the plan has other settings than the results.
REMEDY = "undo the change in plan.yaml, or start another study, in another --output_dir"
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


def comparison_of(study: Path, plan: Plan) -> Comparison:
    """The comparison that a plan describes.

    Raises:
        InputError: a method, fold or id of the plan is unknown; all are listed.
    """
    options = {"methods": plan.methods, "fold": plan.folds, "workers": plan.workers, **shared_options(study, plan)}
    comparison: Comparison
    if plan.task == "segmentation":
        comparison = Segmentation(output_dir=study / COMPARE, **options)
    else:
        repeated: dict[str, Any] = {
            "fractions": plan.fractions,
            "seeds": plan.seeds,
            "vary_pretraining": plan.vary_pretraining,
        }
        comparison = LabelFractions(output_dir=study / COMPARE, **repeated, **options)
    comparison.remedy = REMEDY
    return comparison


def watched_runs(tasks: Iterable[Task], plan: Plan) -> list[Watched]:
    """Tasks with the seconds that the plan expects of them.

    Args:
        tasks: tasks of a comparison or of the final training.
        plan: plan with an estimate of each stage.
    """
    stages = [stage for stage in plan.estimate.get("stages") or [] if stage["runs"]]
    return [_watched(task, stages) for task in tasks]


def _watched(task: Task, stages: Sequence[Mapping[str, Any]]) -> Watched:
    """A run with what the plan expects of the longest stage whose words its name holds."""
    named = {stage["what"].removeprefix("training "): stage for stage in stages}
    words = max((each for each in named if each.lower() in task.name.lower()), key=len, default=None)
    if words is None:
        return Watched(task.name, task.makes, SHORT)
    stage = named[words]
    return Watched(task.name, task.makes, stage["seconds"] / stage["runs"], stage["what"], stage.get("epochs") or 0)


def measured_pace(study: Path, plan: Plan, runs: Sequence[Watched]) -> Pace:
    """The pace of the runs of a comparison that are done, so that the rest and the final training are estimated by it.

    Args:
        study: folder of the study.
        plan: its plan.
        runs: runs of the comparison.
    """
    costs, pace = read_costs(study / COMPARE), Pace()
    for run in runs:
        made = str(run.makes.relative_to(study / COMPARE)) if run.makes is not None else ""
        if made in costs and run.done():
            pace.add(run.stage or run.name, costs[made]["seconds"] / max(1, plan.workers), run.seconds)
    return pace


def row_entries(comparison: Comparison, plan: Plan) -> list[dict[str, Any]]:
    """Text, name, kind and folder of each row, what it is, and its encoder's name by folder, for ``study.json``."""
    entries, described = [], read_descriptions(comparison.configs)
    for text, row in study_rows(comparison.configs, plan, comparison.modalities):
        about = describe_row(row, described)
        encoder = {"encoder": {row.start.folder: row.start.name}} if isinstance(row.start, Encoder) else {}
        entry = {"text": text, "name": row.name, "kind": kind_of(row), "folder": row.folder, "about": about}
        entries.append({**entry, **encoder})
    return entries
