"""From the cohort to the subjects that were judged: numbers, and who was left out why."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from .study_files import StudyFiles

__all__ = ["Step", "excluded_lines", "listed", "subject_flow"]

SHOWN = 12  # names of subjects in a list


@dataclass(frozen=True)
class Step:
    """A box of the flow chart.

    Attributes:
        title: description of these subjects.
        count: their number, and that of their images where it differs.
        details: further lines, such as the classes.
        left: lines on those who are left out after this step.
    """

    title: str
    count: str
    details: tuple[str, ...] = ()
    left: tuple[str, ...] = ()


def subject_flow(study: StudyFiles) -> list[Step]:
    """The boxes from top to bottom; those that need an unknown datalist are missing."""
    return [*_cohort(study), _judged(study)]


def _cohort(study: StudyFiles) -> Iterator[Step]:
    rows = study.rows
    if not rows:
        return
    excluded = excluded_lines(study.plan.get("cohort", {}).get("excluded") or ())
    found, everyone = _of(rows), {row["subject"] for row in rows}
    if excluded:
        number = len(study.plan["cohort"]["excluded"])
        yield Step(
            "Rows of the datalist", str(len(rows) + number), left=(f"{number} excluded by the checks", *excluded)
        )
    unlabelled = sorted(everyone - {row["subject"] for row in rows if row.get("label") is not None})
    tests = {row["subject"] for row in rows if row["section"] == "testing"}
    details = [f"{len(tests)} in the section testing"] if tests else []
    several = Counter(row["subject"] for row in rows)
    if visits := sum(count > 1 for count in several.values()):
        details.append(f"{visits} with several images or visits")
    left = [f"{len(unlabelled)} without a label: pre-training only", listed(unlabelled)] if unlabelled else []
    yield Step("Subjects with usable images", found, tuple(details), tuple(left))
    labelled = everyone - set(unlabelled)
    missing = sorted(labelled - set(next(iter(study.outcomes.values())).subjects))
    left = [f"{len(missing)} not in a tested fold: training only", listed(missing)] if missing else []
    yield Step("Subjects with a label", str(len(labelled)), (), tuple(left))


def _judged(study: StudyFiles) -> Step:
    summary = study.summary
    classes = tuple(f"{entry['subjects']} {entry['name']}" for entry in summary["classes"])
    folds = summary["folds"]
    how = f"predicted out of fold, in {folds} folds" if folds > 1 else "predicted as one test set"
    return Step("Subjects judged by every method", str(summary["subjects"]), (*classes, how))


def _of(rows: Sequence[Mapping[str, Any]]) -> str:
    subjects = len({row["subject"] for row in rows})
    return str(subjects) if subjects == len(rows) else f"{subjects} ({len(rows)} images)"


def excluded_lines(entries: Sequence[Mapping[str, Any]]) -> list[str]:
    """Reasons with their number and some of their subjects, the most frequent one first."""
    reasons: dict[str, list[str]] = {}
    for entry in entries:
        for reason in entry.get("reasons") or ["unknown reason"]:
            field, _, rest = str(reason).partition(": ")
            short = (rest.rsplit(": ", 1)[-1] if rest else field).split(",")[0].split(";")[0]
            reasons.setdefault(f"{field}: {short}" if rest else field, []).append(str(entry.get("subject")))
    ordered = sorted(reasons.items(), key=lambda item: -len(item[1]))
    return [f"{len(subjects)} {reason} ({listed(subjects)})" for reason, subjects in ordered]


def listed(names: Sequence[str]) -> str:
    """Some names, and the number of the others."""
    return ", ".join(names[:SHOWN]) + (f" and {len(names) - SHOWN} more" if len(names) > SHOWN else "")
