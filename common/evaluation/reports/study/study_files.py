"""What the folder of a study, or the output folder of a comparison, holds for a report."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
import yaml

from ....datalist_json import read_datalist
from ....errors import InputError
from ....files import file_digest
from ...predictions import Outcome, outcomes_of, read_predictions
from .verdict import FEW_NUMBERS

__all__ = [
    *("StudyFiles", "about_rows", "cohort_of", "comparison_folder"),
    *("read_json", "read_plan", "read_study", "reason_of"),
]


@dataclass(frozen=True)
class StudyFiles:
    """A finished comparison and what is known of its study.

    Attributes:
        folder: folder of the study.
        compare: folder of the comparison's runs.
        plan: content of ``plan.yaml``; empty for a comparison without a study.
        record: content of ``study.json``; empty for a comparison without a study.
        summary: content of the comparison's ``metrics.json``.
        predictions: its ``predictions.csv``, see :func:`~common.evaluation.read_predictions`.
        outcomes: predictions of each method by name, at the largest fraction of labels.
        datalist: datalist of the cohort, ``None`` if unknown.
        rows: rows of the datalist with absolute paths; ``section`` is ``training`` or ``testing``.
    """

    folder: Path
    compare: Path
    plan: Mapping[str, Any]
    record: Mapping[str, Any]
    summary: Mapping[str, Any]
    predictions: pd.DataFrame
    outcomes: Mapping[str, Outcome]
    datalist: Path | None
    rows: tuple[dict[str, Any], ...]

    @property
    def classes(self) -> list[str]:
        """Class names by label."""
        return [str(entry["name"]) for entry in self.summary["classes"]]

    @property
    def positive(self) -> int:
        """Index of the positive class of two; of more, the last one."""
        name = self.summary.get("positive")
        return self.classes.index(name) if name in self.classes else len(self.classes) - 1

    @property
    def kinds(self) -> dict[str, str]:
        """Kind of each method, as far as known, see :func:`~common.study.row_descriptions.kind_of`."""
        known = {row["name"]: row["kind"] for row in self.record.get("rows", ())}
        return {name: known.get(name) or _kind_of(name) for name in self.outcomes}


def read_study(folder: str | Path, datalist: str | Path | None = None) -> StudyFiles:
    """Read a study, or the output folder of ``cross_validate.py`` or ``label_fractions.py``.

    Args:
        folder: folder with ``compare/report`` or ``report``.
        datalist: datalist of the cohort; default: that of the study.

    Raises:
        InputError: there is no comparison in the folder, or a file is damaged.
    """
    folder, compare = comparison_folder(folder)
    report = compare / "report"
    if not (report / "metrics.json").is_file() or not (report / "predictions.csv").is_file():
        raise InputError(
            f"{report}: no metrics.json and predictions.csv of a comparison; expected the folder of a study or the "
            "output_dir of cross_validate.py or label_fractions.py; run the comparison to its end first"
        )
    summary = read_json(report / "metrics.json")
    predictions = read_predictions(report / "predictions.csv", "method")
    names = [str(entry["name"]) for entry in summary["classes"]]
    positive = names.index(summary["positive"]) if summary.get("positive") in names else len(names) - 1
    full = predictions["fraction"].max()
    outcomes = outcomes_of(predictions[predictions["fraction"] == full], positive)
    path, rows = cohort_of(folder, compare, datalist)
    plan, record = read_plan(folder)
    return StudyFiles(
        folder,
        compare,
        plan,
        record,
        summary,
        predictions,
        {outcome.name: outcome for outcome in outcomes},
        path,
        tuple(rows),
    )


def comparison_folder(folder: str | Path) -> tuple[Path, Path]:
    """Absolute path of a study's folder, and of the folder of its comparison, which is the same without a study."""
    folder = Path(os.path.abspath(folder))
    return folder, folder / "compare" if (folder / "compare" / "report").is_dir() else folder


def read_plan(folder: Path) -> tuple[dict[str, Any], dict[str, Any]]:
    """Content of ``plan.yaml`` and of ``study.json``, each empty where there is none."""
    plan, record = folder / "plan.yaml", folder / "study.json"
    return (
        yaml.safe_load(plan.read_text(encoding="utf-8")) or {} if plan.is_file() else {},
        read_json(record) if record.is_file() else {},
    )


def reason_of(record: Mapping[str, Any]) -> str:
    """Why a study chose its method, as a sentence; empty where it does not say."""
    reason = str((record.get("choice") or {}).get("reason") or "").rstrip(".")
    return f"Chosen: {reason}." if reason else ""


def about_rows(record: Mapping[str, Any], methods: Sequence[str]) -> list[tuple[str, str]]:
    """Methods in their order, each with what it is; those of which a study does not say are left out."""
    known = {row["name"]: row.get("about") for row in record.get("rows", ())}
    return [(name, about) for name in methods if (about := known.get(name))]


def cohort_of(folder: Path, compare: Path, datalist: str | Path | None) -> tuple[Path | None, list[dict[str, Any]]]:
    """The datalist of a comparison and its rows with absolute paths; ``None`` and no rows if it is unknown."""
    path = _datalist(folder, compare, datalist)
    return path, [] if path is None else list(_rows(path))


def _datalist(folder: Path, compare: Path, named: str | Path | None) -> Path | None:
    """The datalist of the cohort: as named, of the study, or of a repetition of a cross-validation."""
    if named is not None:
        return Path(os.path.abspath(named))
    own = [folder / "datalist.json", *sorted(compare.glob("seed*/datalist.json"))]
    return next((path for path in (*own, *_of_runs(compare)) if path.is_file()), None)


def _of_runs(compare: Path) -> Iterator[Path]:
    """The datalist of the runs: where it is seen from their folder, as in a folder that was moved, or as typed.

    A typed path is relative to the working directory.
    """
    settings = compare / "settings.json"
    found = read_json(settings) if settings.is_file() else {}
    place, typed = found.get("place"), (found.get("settings") or {}).get("datalist")
    for path in [*([compare / place] if place else []), *([typed] if typed else [])]:
        path = Path(os.path.abspath(path))
        if path.is_file() and found.get("datalist") in (None, file_digest(path, "sha256")):
            yield path


def _rows(path: Path) -> list[dict[str, Any]]:
    content = read_datalist(path)
    found = []
    for section in ("training", "testing"):
        for row in content.get(section) or ():
            found.append({**row, "section": section, "subject": str(row.get("subject"))})
            for key in ("image", "mask"):
                found[-1][key] = _absolute(row.get(key), path.parent)
    return found


def _absolute(value: Any, base: Path) -> Any:
    if isinstance(value, list):
        return [_absolute(item, base) for item in value]
    return os.path.normpath(base / value) if isinstance(value, str) else None


def read_json(path: Path) -> dict[str, Any]:
    """Content of a JSON file.

    Raises:
        InputError: the file is damaged.
    """
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise InputError(f"{path}: damaged ({error}); run the comparison again, which writes it anew") from None


def _kind_of(name: str) -> str:
    """Kind of a method by the names that the comparisons give."""
    lower = name.lower()
    if lower.startswith(("mean of", "mean z-score of")):
        return "mean"
    if (measured := lower.split(" (")[0].replace(" ", "_")) in FEW_NUMBERS:  # or one number of it
        return measured
    if "radiomics" in lower and "radiomics-deep" not in lower:
        return "radiomics"
    if lower.startswith(("supervised", "scratch")):
        return "scratch"
    if lower == "imagenet slices":
        return "imagenet_slices"
    if lower.startswith("imagenet"):
        return "imagenet"
    return "probe" if "linear probe" in lower else "pretrained"
