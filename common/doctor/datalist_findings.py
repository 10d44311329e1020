"""A datalist: all its rows, what its cohort can support, and pictures to look at."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ..counts import class_count, class_name, counted
from ..data.cohorts.spellings import several_spellings, without_zeros
from ..datalist_json import indexed_names, read_datalist
from ..errors import InputError
from ..programs import command_of
from .findings import Findings

__all__ = ["examine_datalist"]

FEWEST_OF_CLASS = 10  # subjects, below which metrics mean little
WITH_MASKS = "siam3d_imbalance and radiomics_deep_contrast"
FOLDS = f"assign folds with {command_of('make_datalist')}"
_LINE = re.compile(r"(?P<place>\w+\[\d+\](?: \(subject [^)]*\))? \w+|\w+ \w+): (?P<text>.*)", re.DOTALL)


def examine_datalist(path: str | Path, output_dir: str | Path | None = None) -> Findings:
    """Examine a datalist and the files that it names.

    All rows are checked as before a training. Then: classes and folds, further columns that almost determine the class,
    voxel sizes and intensities that stand out, and near-duplicate images of different subjects. In ``output_dir`` are
    written ``mosaic.jpg``, 20 subjects with the outline of their mask, and ``histograms.png``, sizes and intensities by
    centre.

    Args:
        path: datalist file.
        output_dir: folder of the pictures; none are written without it.
    """
    path = Path(path)
    findings = Findings(f"datalist {path}")
    try:
        content = read_datalist(path)
        labels = indexed_names(path, content, "labels")
    except InputError as error:
        findings.error(path.name, *_split(str(error).removeprefix(f"{path}: ")))
        return findings
    sections = [name for name in ("training", "testing") if content.get(name)]
    if not sections:
        findings.error(path.name, "no rows in 'training' or 'testing'", f"write it with {command_of('make_datalist')}")
        return findings
    rows = [row for name in sections for row in _checked(findings, path, name, content[name])]
    found = [row for row in content[sections[0]] if isinstance(row, Mapping)]
    everyone = [row.get("subject") for name in sections for row in content[name] if isinstance(row, Mapping)]
    _subjects(findings, found, [str(name) for name in everyone])
    _classes(findings, found, labels, tested := sections[0] == "testing")
    _masks(findings, found)
    if tested:
        findings.note("folds", "none needed: all rows are of a test set")
    else:
        _folds(findings, found, labels)
    _columns(findings, found)
    if rows:
        from ..data.traits import centre_column
        from .datalist_images import examine_images  # imports NumPy and the readers

        examine_images(findings, path, rows, None if output_dir is None else Path(output_dir), centre_column(found))
    else:
        findings.note("images", "not compared and not drawn, as long as rows have errors")
    return findings


def _checked(findings: Findings, path: Path, section: str, rows: Sequence[Any]) -> list[dict[str, Any]]:
    """Rows of a section with absolute paths if all of them are valid; else an error for each problem."""
    from ..data import load_datalist  # imports torch

    given = [row for row in rows if isinstance(row, Mapping)]
    maps = any(isinstance(row.get("label"), str) and (path.parent / row["label"]).exists() for row in given)
    gaps = any(isinstance(row.get("image"), list) and None in row["image"] for row in given)
    try:
        found = load_datalist(
            path,
            section=section,
            spatial_dims=[2, 3],
            label="mask" if maps else "optional",
            unlabelled="leave out" if maps else "refuse",
            missing="zeros" if gaps else "refuse",
        )
    except InputError as error:
        first, *lines = str(error).splitlines()
        for line in lines or [first.removeprefix(f"{path}: ")]:
            match = _LINE.fullmatch(line.strip())
            place, text = (match["place"], match["text"]) if match else (section, line.strip())
            findings.error(place, *_split(text))
        return []
    findings.note(section, f"{len(found)} rows, all files can be read and agree with each other")
    if gaps:
        lacking = sum(None in row["image"] for row in found if isinstance(row["image"], list))
        findings.warning(
            section, f"{lacking} rows lack a modality", "only liver_cgc takes them, as zeros; leave them out for others"
        )
    return found


def _split(text: str) -> tuple[str, str]:
    """What was found, and the remedy behind the last semicolon."""
    what, _, remedy = text.rpartition("; ")
    return (what, remedy) if what else (text, "correct it")


def _subjects(findings: Findings, rows: Sequence[Mapping[str, Any]], everyone: Sequence[str]) -> None:
    """Number of subjects in the rows, and doubtful spellings among those of all sections."""
    counts = Counter(str(row.get("subject")) for row in rows)
    several = sum(count > 1 for count in counts.values())
    text = f"{counted(len(counts), 'subject')}, {counted(len(rows), 'image')}"
    findings.note("subjects", text + (f", {several} with several images or visits" if several else ""))
    if doubtful := several_spellings(everyone, without_zeros):
        what = f"found {', '.join(doubtful[:5])}{', ...' * (len(doubtful) > 5)}, which may be the same"
        findings.warning("subjects", what, "write a patient alike everywhere, or training and test may share one")
    if len(counts) < 2 * FEWEST_OF_CLASS:
        findings.warning(
            "subjects", f"only {len(counts)}: intervals will be wide", "add subjects, or use weights of another cohort"
        )


def _classes(findings: Findings, rows: Sequence[Mapping[str, Any]], labels: Mapping[str, str], tested: bool) -> None:
    classes = _class_of(rows)
    severe = findings.warning if tested else findings.error  # what nobody trains on may lack a class
    unlabelled = {str(row.get("subject")) for row in rows} - set(classes)
    if not classes:
        findings.note(
            "classes",
            "no labels: pre-training and segmentation only; make_datalist.py reads labels from a table's column label",
        )
        return
    counts = Counter(classes.values())
    named = {label: labels.get(str(label), str(label)) for label in sorted({*counts, *map(int, labels)})}
    findings.note("classes", ", ".join(class_count(counts[label], name) for label, name in named.items()))
    if unlabelled:
        findings.note("classes", f"{counted(len(unlabelled), 'subject')} without a label: pre-trained on, never tested")
    if len(counts) == 1:
        severe("classes", "all subjects have one class", "add subjects of another class, or pre-train only")
    for label, name in named.items():
        if counts[label] < FEWEST_OF_CLASS and len(counts) > 1:
            level = severe if counts[label] < 2 else findings.warning
            few = f"{counted(counts[label], 'subject')} of {class_name(name)}"
            level("classes", few, "add some, or merge the class with another one")


def _masks(findings: Findings, rows: Sequence[Mapping[str, Any]]) -> None:
    """Rows without a mask, where labels are classes."""
    lacking = [str(row.get("subject")) for row in rows if row.get("mask") is None]
    if not lacking or any(isinstance(row.get("label"), str) for row in rows):
        return
    if len(lacking) == len(rows):
        findings.note("masks", f"none; {WITH_MASKS} need one for each image")
    else:
        what = f"{len(lacking)} of {len(rows)} rows have none, such as {lacking[0]}"
        findings.warning("masks", what, f"add them, or leave these rows out: {WITH_MASKS} need one for each image")


def _folds(findings: Findings, rows: Sequence[Mapping[str, Any]], labels: Mapping[str, str]) -> None:
    folds = defaultdict(set)
    for row in rows:
        folds[str(row.get("subject"))].add(row.get("fold"))
    lacking = [subject for subject, found in folds.items() if None in found]
    if lacking:
        findings.error("folds", f"{len(lacking)} of {len(folds)} subjects have none, such as {lacking[0]}", FOLDS)
        return
    if leaking := [subject for subject, found in folds.items() if len(found) > 1]:
        what = f"{counted(len(leaking), 'subject')} in several folds: {', '.join(leaking[:5])}"
        findings.error("folds", what, f"{FOLDS}, by subject")
    classes = _class_of(rows)
    numbers = sorted({fold for found in folds.values() for fold in found}, key=str)
    for fold in numbers:
        inside = Counter(classes[name] for name, found in folds.items() if fold in found and name in classes)
        absent = [
            class_name(labels.get(str(label), str(label))) for label in sorted(set(classes.values()) - set(inside))
        ]
        if absent and inside:
            fewest = min(Counter(classes.values()).values())
            findings.error(
                "folds",
                f"fold {fold} has no subject of {', '.join(absent)}",
                f"{command_of('make_datalist')} ... --num_folds {max(min(fewest, len(numbers) - 1), 2)}",
            )
    sizes = Counter(fold for found in folds.values() for fold in found)
    held_out = {fold for name in classes for fold in folds[name]} or set(numbers)
    marks = {fold: "" if fold in held_out else " without a label, never held out" for fold in numbers}
    findings.note("folds", ", ".join(f"{fold}: {counted(sizes[fold], 'subject')}{marks[fold]}" for fold in numbers))


def _columns(findings: Findings, rows: Sequence[Mapping[str, Any]]) -> None:
    """Further columns, and those that almost determine the class."""
    from ..evaluation.reports.study.grouping import NO_COLUMNS
    from ..evaluation.reports.study.subgroups import confounders

    values: dict[str, list[Any]] = defaultdict(list)
    for row in rows:
        for key, value in row.items():
            if key not in NO_COLUMNS and isinstance(value, str | int | float):
                values[str(key)].append(value)
    groups = {name: len(set(found)) for name, found in values.items() if not _names_each(found)}
    if groups:
        listed = ", ".join(f"{name} ({number} values)" for name, number in groups.items())
        findings.note("columns", f"subgroups can be judged by {listed}")
    if classes := _class_of(rows):
        named = [{**row, "subject": str(row.get("subject"))} for row in rows]
        for line in confounders(classes, named):
            what, _, remedy = line.partition("; ")
            findings.warning("columns", what, remedy)


def _names_each(values: Sequence[Any]) -> bool:
    """Whether a column has another text in each row, such as the name of a file."""
    return len(set(values)) == len(values) > 1 and any(isinstance(value, str) for value in values)


def _class_of(rows: Sequence[Mapping[str, Any]]) -> dict[str, int]:
    """Class of each subject, that of its first image with an integer as label."""
    found: dict[str, int] = {}
    for row in rows:
        if isinstance(label := row.get("label"), int) and not isinstance(label, bool):
            found.setdefault(str(row.get("subject")), label)
    return found
