"""How a comparison was made, for the settings box of its page, and what to do next."""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterator, Mapping, Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from ....programs import command_of
from ....setting_text import settings_text
from .study_files import StudyFiles

__all__ = ["next_command", "next_of_study", "settings_box"]


def settings_box(
    plan: Mapping[str, Any], summary: Mapping[str, Any], methods: Sequence[str], compare: Path
) -> list[tuple[str, str]]:
    """Names and values of the settings.

    Args:
        plan: content of ``plan.yaml``, empty without a study.
        summary: content of ``metrics.json``.
        methods: names of the methods.
        compare: folder of the comparison.
    """
    found = [*_of_plan(plan), *_of_comparison(plan, summary, methods, compare)]
    return [(name, value) for name, value in found if value]


def next_command(study: StudyFiles, method: str, network: str, checkpoint: Path | None = None) -> tuple[str, str]:
    """What to do after reading the page: a sentence and a command, which may be empty.

    Args:
        study: files of the study.
        method: name of the chosen method.
        network: name of the chosen method, or of the best one with a network.
        checkpoint: weights of one of its networks; ``None`` where no method has some.
    """
    if found := next_of_study(study.record):
        return found
    datalist = str(study.datalist) if study.datalist else "data/datalist.json"
    row = None if checkpoint is None else _row_of(checkpoint, study.compare)
    output = study.folder.parent / f"{study.folder.name}_final"
    if row is None or checkpoint is None:
        return (
            "No method of this comparison left a network. A final model is made by this command; name a start and "
            "overlays as METHOD:",
            _final_model("BUNDLE", datalist, output, "METHOD"),
        )
    from ....training_record import read_training_record  # imports torch

    record = read_training_record(checkpoint)
    text = f"Train {network} on all labelled subjects, calibrated out of fold, for packaging:"
    if network != method:
        text = f"{method} is not a network that can be deployed. The best that is, {network}, becomes a final model by:"
    return text, _final_model(record["bundle"] if record else "BUNDLE", datalist, output, row)


def next_of_study(record: Mapping[str, Any]) -> tuple[str, str] | None:
    """The next command of a study and a sentence before it; ``None`` where ``study.json`` has none."""
    if not record.get("next"):
        return None
    text = "Go on with:"
    if final := record.get("final"):
        text = f"Use the final model{', whose probabilities are not calibrated' if final.get('uncalibrated') else ''}:"
    return text, str(record["next"])


def _final_model(bundle: str, datalist: str, output: Path, row: str) -> str:
    words = [*command_of("final_model").split(), bundle, "--dataset_dir", str(Path(datalist).parent)]
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


def _of_plan(plan: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    if not plan:
        return
    yield "Bundle", str(plan.get("bundle", ""))
    yield "Cohort", str(plan.get("datalist", ""))
    yield "Overlays", ", ".join(plan.get("overlays") or ())
    for name, title in (("settings", "Settings"), ("pretrain", "Pre-training"), ("train", "Fine-tuning")):
        yield title, _listed(plan.get(name) or {})
    machine = plan.get("machine") or {}
    parts = (("device", "{}"), ("cores", "{} cores"), ("memory_gb", "{} GB of memory"))
    yield "Machine", ", ".join(text.format(machine[name]) for name, text in parts if name in machine)
    if budget := plan.get("budget"):
        yield "Budget", f"{budget.get('seconds', 0) / 60:.0f} min"


def _of_comparison(
    plan: Mapping[str, Any], summary: Mapping[str, Any], methods: Sequence[str], compare: Path
) -> Iterator[tuple[str, str]]:
    yield "Methods", ", ".join(methods)
    if "classes" in summary:
        yield "Folds", f"{summary['folds']}" + (", dealt anew for each seed" if summary["redealt"] else "")
        yield "Seeds", ", ".join(map(str, sorted({seed for entry in summary["results"] for seed in entry["seeds"]})))
        yield "Shares of the labels", ", ".join(f"{100 * part:g} %" for part in sorted(summary["fractions"]))
        yield "Positive class", summary["positive"] or ""
    yield "Intervals", f"{summary['confidence']:.0%}, {summary['resamples']} bootstrap resamples over subjects"
    claim = compare / "settings.json"
    if not plan and claim.is_file():
        found = json.loads(claim.read_text(encoding="utf-8"))
        yield "Settings", _listed(found.get("settings") or {})
        yield "Overlays", ", ".join(found.get("overlays") or ())
        for name, title in (("pretrain", "Pre-training"), ("train", "Fine-tuning")):
            yield title, _listed(found.get(name) or {})
    yield "Versions", ", ".join(_versions())


def _listed(settings: Mapping[str, Any]) -> str:
    return settings_text({name: value for name, value in settings.items() if name != "quiet"})


def _versions() -> Iterator[str]:
    for name in ("clinical-ssl-bundles", "torch", "monai"):
        try:
            yield f"{name} {version(name)}"
        except PackageNotFoundError:
            continue
