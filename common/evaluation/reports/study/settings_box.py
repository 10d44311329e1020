"""How a comparison was made, for the settings box of its page, and what to do next."""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterator, Mapping
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from .study_files import StudyFiles

__all__ = ["next_command", "settings_box"]


def settings_box(study: StudyFiles) -> list[tuple[str, str]]:
    """Names and values of the settings."""
    return [(name, value) for name, value in (*_of_plan(study), *_of_comparison(study)) if value]


def next_command(study: StudyFiles, method: str, checkpoint: Path | None = None) -> tuple[str, str]:
    """What to do after reading the page: a sentence and a command, which may be empty.

    Args:
        study: files of the study.
        method: name of the chosen method.
        checkpoint: weights of one of its networks, if it has some.
    """
    if study.record.get("next"):
        finished = bool(study.record.get("final"))
        return ("Use the final model:" if finished else "Go on with:"), str(study.record["next"])
    datalist = str(study.datalist) if study.datalist else "data/datalist.json"
    row = None if checkpoint is None else _row_of(checkpoint, study.compare)
    if row is None:
        return (
            f"{method} has no network of its own. The final model of a network that starts from the same pre-training "
            "is made by this command; name the pre-training as METHOD:",
            _final_model("BUNDLE", datalist, study.folder.parent / "final", "METHOD"),
        )
    from ....training_record import read_training_record  # imports torch

    record = read_training_record(checkpoint) if checkpoint is not None else None
    bundle = record["bundle"] if record else "BUNDLE"
    return (
        f"Train {method} on all labelled subjects, calibrated out of fold, for packaging:",
        _final_model(bundle, datalist, study.folder.parent / f"{study.folder.name}_final", row),
    )


def _final_model(bundle: str, datalist: str, output: Path, row: str) -> str:
    words = ["python", "scripts/final_model.py", bundle, "--dataset_dir", str(Path(datalist).parent)]
    if Path(datalist).name != "datalist.json":
        words += ["--datalist", datalist]
    return shlex.join([*words, "--output_dir", str(output), "--method", row])


def _row_of(checkpoint: Path, compare: Path) -> str | None:
    """The method as ``final_model.py`` reads it, from the folder of a training."""
    parts = [
        part for part in checkpoint.parent.relative_to(compare).parts if not part.startswith(("labels", "seed", "fold"))
    ]
    if not parts:
        return None
    return "scratch" if parts[0] == "supervised" else parts[0].removesuffix("+train")


def _of_plan(study: StudyFiles) -> Iterator[tuple[str, str]]:
    plan = study.plan
    if not plan:
        return
    yield "Bundle", str(plan.get("bundle", ""))
    yield "Cohort", str(plan.get("datalist", ""))
    yield "Overlays", ", ".join(plan.get("overlays") or ())
    for name, title in (("settings", "Settings"), ("pretrain", "Pre-training"), ("train", "Fine-tuning")):
        yield title, _listed(plan.get(name) or {})
    machine = plan.get("machine") or {}
    yield "Machine", _listed(machine)
    seconds = [step.get("seconds", 0) for step in study.record.get("steps", {}).values()]
    if seconds and plan.get("budget"):
        yield "Budget", f"{plan['budget'].get('seconds', 0) / 60:.0f} min"


def _of_comparison(study: StudyFiles) -> Iterator[tuple[str, str]]:
    summary = study.summary
    seeds = sorted({seed for entry in summary["results"] for seed in entry["seeds"]})
    yield "Methods", ", ".join(study.outcomes)
    yield "Folds", f"{summary['folds']}" + (", dealt anew for each seed" if summary["redealt"] else "")
    yield "Seeds", ", ".join(map(str, seeds))
    yield "Shares of the labels", ", ".join(f"{100 * part:g} %" for part in sorted(summary["fractions"]))
    yield "Positive class", summary["positive"] or ""
    yield "Intervals", f"{summary['confidence']:.0%}, {summary['resamples']} bootstrap resamples over subjects"
    claim = study.compare / "settings.json"
    if not study.plan and claim.is_file():
        found = json.loads(claim.read_text(encoding="utf-8"))
        yield "Settings", _listed(found.get("settings") or {})
        yield "Overlays", ", ".join(found.get("overlays") or ())
        for name, title in (("pretrain", "Pre-training"), ("train", "Fine-tuning")):
            yield title, _listed(found.get(name) or {})
    yield "Versions", ", ".join(_versions())


def _listed(settings: Mapping[str, Any]) -> str:
    return ", ".join(f"{name} {value}" for name, value in settings.items() if name != "quiet")


def _versions() -> Iterator[str]:
    for name in ("clinical-ssl-bundles", "torch", "monai"):
        try:
            yield f"{name} {version(name)}"
        except PackageNotFoundError:
            continue
