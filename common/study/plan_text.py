"""A plan for the terminal: three sentences, the stages, the settings, the next command."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ..programs import command_of
from ..setting_text import component_name, setting_text
from .plan import PLAN, Plan
from .progress import duration

__all__ = ["describe_plan"]

BUSY = 0.3  # load of other processes for each processor, or share of the measured time, from which the plan says so


def describe_plan(study: Path, plan: Plan) -> str:
    """A plan as text.

    Args:
        study: folder of the study.
        plan: its plan.
    """
    parts = (_sentences(plan), _table(plan), [*_settings(plan), *_warnings(plan)], _next(study, plan))
    return "\n\n".join("\n".join(part) for part in parts)


def _sentences(plan: Plan) -> Iterator[str]:
    cohort = plan.cohort
    names = {name: name.partition(" ")[2] or f"class {name}" for name in cohort["classes"]}
    what = ", ".join(f"{number} {names[name]}" for name, number in cohort["classes"].items())
    if plan.task == "segmentation":
        what = f"label maps of {', '.join(list(names.values())[1:])}"
    if several := cohort.get("several_classes"):
        what += f"; {several} of them have images of several classes and count for that of the first"
    size = "x".join(map(str, cohort["shape"]))
    channels = cohort["modalities"]
    images = f"{cohort['images']} images of {cohort['subjects']} subjects ({what})"
    unlabelled = f", {cohort['unlabelled']} without a label, for pre-training alone" if cohort["unlabelled"] else ""
    excluded = f"; {len(cohort['excluded'])} rows left out" if cohort["excluded"] else ""
    kinds = f"{len(channels)} modalities ({', '.join(channels)})" if len(channels) > 1 else "one modality"
    yield f"{images}{unlabelled}, {kinds}, median size {size}{excluded}."
    folds = f"{len(plan.folds)} folds" if plan.test_datalist is None else f"{cohort['test_subjects']} test subjects"
    final = {"all": "one network of all labelled subjects", "ensemble": "the networks of the folds together"}
    yield (
        f"{len(plan.methods)} methods are compared on {folds}; the final model is {final[plan.final['kind']]}, "
        "calibrated, packaged and tried."
    )
    estimate, machine = plan.estimate, plan.machine
    cores = "" if machine["device"] != "cpu" else f" with {machine['cores']} cores"
    yield (
        f"It takes about {duration(estimate['seconds'])} on {machine['device']}{cores}, {estimate['memory_gb']:.1f} GB "
        f"of memory and {estimate['disk_gb']:.2f} GB of disk."
    )


def _table(plan: Plan) -> Iterator[str]:
    rows = [("stage", "runs", "epochs", "total")]
    for stage in plan.estimate["stages"]:
        epochs = str(stage["epochs"]) if stage["epochs"] else ""
        rows.append((stage["what"], str(stage["runs"]), epochs, duration(stage["seconds"])))
    widths = [max(len(row[column]) for row in rows) for column in range(4)]
    for row in rows:
        first, *others = row
        yield "  ".join([first.ljust(widths[0]), *(cell.rjust(w) for cell, w in zip(others, widths[1:], strict=True))])


def _settings(plan: Plan) -> Iterator[str]:
    for prefix, ids in (("", plan.settings), ("pretrain.", plan.pretrain), ("train.", plan.train)):
        for name, value in ids.items():
            if reason := plan.reasons.get(prefix + name):
                yield f"{prefix}{name} = {_short(value)}: {reason}"


def _warnings(plan: Plan) -> Iterator[str]:
    estimate, machine = plan.estimate, plan.machine
    if reason := plan.reasons.get("methods"):
        yield f"Left out: {reason}."
    for method, budget in estimate["left_out"].items():
        yield f"Left out to fit the budget: {method}; --budget {budget} keeps it."
    if not estimate["fits"]:
        needed = estimate["shortest_budget"]
        yield (
            f"WARNING: this is the shortest study, and it may not keep the budget, of which a fifth is in reserve; "
            f"--budget {needed} is enough."
        )
    load, waited = machine.get("load", 0.0), estimate.get("waited", 0.0)
    if load >= BUSY * machine["cores"] or waited >= BUSY:
        slower = f", {1 / (1 - waited):.1f} times as long at the pace of the measurement" if 0.05 <= waited < 1 else ""
        yield (
            f"WARNING: other processes keep about {load:.1f} processors busy. The times are those of an idle machine: "
            f"waiting for processors, {waited:.0%} of the measured time, is not in them. Beside other work the "
            f"study takes longer{slower}; the time left in the bar follows the pace."
        )
    if estimate["memory_gb"] > 0.8 * machine["device_memory_gb"]:
        yield f"WARNING: {machine['device_memory_gb']} GB of memory are free; set a smaller batch_size or image_size."
    if estimate["disk_gb"] > machine["disk_gb"]:
        yield f"WARNING: {machine['disk_gb']} GB of disk are free; name another --output_dir."
    if plan.budget is None and estimate["seconds"] > 12 * 3600:
        yield "The epochs are those of the papers; --budget 2h fits epochs and methods to a time."


def _next(study: Path, plan: Plan) -> Iterator[str]:
    yield f"All of it is in {study / PLAN}. To change it, edit it before the comparison begins (Ctrl+C), and continue:"
    yield f"{command_of('study')} finish {study}"


def _short(value: Any) -> str:
    """A component by its name alone, as its arguments are in the plan."""
    return (isinstance(value, dict) and component_name(value)) or setting_text(value)
