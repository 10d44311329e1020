"""Cohorts of DICOM studies, whose series are distinguished by rules."""

from __future__ import annotations

import logging
import os
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

from tqdm import tqdm

from ...errors import InputError
from ...images.dicom_rules import DicomRule, read_dicom_rules
from ...images.dicom_search import convert_series, find_slices, match_series
from .class_labels import label_indices
from .collect import existing_folder, expect_choice, read_table, with_folds, write_cohort, zeros_remedy
from .table import check_columns, table_row, used_labels

__all__ = ["dicom_datalist"]

FEW_PATIENTS = 8  # no progress bar for so few
Found = dict[str, list[Path]]  # files by modality

logger = logging.getLogger(__name__)


def dicom_datalist(
    root: str | os.PathLike,
    output: str | os.PathLike,
    rules: str | os.PathLike,
    labels: str | os.PathLike | None = None,
    class_names: Sequence[str] = (),
    missing: Literal["refuse", "zeros"] = "refuse",
    convert: bool = False,
    deidentify: bool = False,
    secret: str | os.PathLike | None = None,
    incomplete: Literal["report", "drop"] = "report",
    num_folds: int = 5,
    seed: int = 0,
    unlabelled: Literal["report", "keep"] = "report",
) -> Path:
    """DICOM studies: a folder per patient, whose series are distinguished by rules for elements of their headers.

    Each modality is the one series whose headers fulfil its rule; the two echoes of a dual-echo series (in and out of
    phase) are two modalities, distinguished by ``EchoTime``. ``image`` of a row is the folder of each series. If series
    share a folder, readers cannot distinguish them: then ``convert`` writes each as NIfTI, to which the rows refer. So
    it does for the frame of a film, such as multi-frame ultrasound, that a rule chooses: {Modality: US, frame: middle}.

    Args:
        root: folder with a folder per patient, whose name is that of the subject.
        output: JSON to write.
        rules: YAML of :func:`~common.images.dicom_rules.read_dicom_rules`; its order is that of the modalities.
        labels: CSV with the column ``subject`` and optionally ``label``, ``mask``, ``fold``, ``slice`` and others, as
            for :func:`~common.data.cohorts.table.table_datalist`; patients without a line are incomplete.
        class_names: names of the labels in the order of their index, or ``1=low,2=high`` for other numbers in the
            column; default: its sorted values.
        missing: treatment of missing modalities: "zeros" keeps patients without some modality, with null instead of it;
            "refuse" treats them as incomplete.
        convert: whether to write each series as ``<folder of output>/nifti/<subject>/<modality>.nii.gz``, and a mask
            that is a DICOM segmentation as ``mask.nii.gz`` beside them, whose labels are its segment numbers.
        deidentify: whether to write copies without names to ``<folder of output>/deidentified/``, to which the rows
            refer by pseudonyms: the basic profile of PS3.15, dates shifted by patient; ``report.json`` there lists
            images that may show text. Columns of ``labels`` are kept as they are.
        secret: file of the secret from which pseudonyms follow, created if missing; default: ``deidentify.key`` in
            ``root``. ``pseudonyms.csv`` is written beside it.
        incomplete: treatment of incomplete rows: "report" stops with a list of the patients with missing, ambiguous
            or irregular series; "drop" omits and logs them.
        num_folds: number of subject-wise stratified folds, if the CSV has no column ``fold``.
        seed: random seed for the folds.
        unlabelled: treatment of an empty ``label``: "keep" keeps the patient, for pre-training alone; "report" treats
            it as incomplete.

    Returns:
        The path written.

    Raises:
        InputError: rules or tables are invalid, patients are incomplete and not dropped, or too few for the folds.
    """
    expect_choice("missing", missing, ("refuse", "zeros"))
    expect_choice("incomplete", incomplete, ("report", "drop"))
    expect_choice("unlabelled", unlabelled, ("report", "keep"))
    root, known = existing_folder(root), read_dicom_rules(rules)
    entries, names, indices = _read_labels(labels, class_names)
    base = root if labels is None else Path(os.path.abspath(labels)).parent
    series: dict[str, Found] = {}
    rows, problems = [], []
    folders = [path for path in sorted(root.iterdir()) if path.is_dir() and not path.name.startswith(".")]
    for folder in _bar(folders, "reading headers"):
        subject = folder.name
        series[subject], reasons = _find_series(folder, known, missing, convert or deidentify)
        if not convert and (films := [name for name in series[subject] if known[name].frame is not None]):
            reasons.append(f"{', '.join(films)}: a chosen frame has no file of its own; set convert (--convert)")
        entry = {"subject": subject} if entries is None else entries.get(subject)
        if entry is None:
            reasons.append(f"no line in {os.path.basename(labels or '')}")
        elif series[subject]:
            images = dict.fromkeys(known, "") | {name: str(files[0].parent) for name, files in series[subject].items()}
            row, more = table_row(entry | images, base, list(known), indices, "zeros", unlabelled)
            reasons += more
        if reasons:
            problems.append(f"patient {subject}: {'; '.join(reasons)}")
        else:
            rows.append(row)
    if not class_names:
        rows, names = used_labels(rows, names)
    write = not (problems and incomplete == "report")
    if write:
        _check_folds(root, rows, problems, names, num_folds, seed)
    if deidentify and write:
        from .dicom_deidentified import deidentify_cohort

        place = Path(os.path.abspath(output)).parent
        rows, series = deidentify_cohort(rows, series, list(known), place, Path(secret or root / "deidentify.key"))
    if convert and write:
        rows = _convert(rows, series, known, Path(os.path.abspath(output)).parent / "nifti", problems)
    return write_cohort(
        root,
        output,
        rows,
        problems,
        incomplete=incomplete,
        labels=names,
        name=root.name,
        modality=list(known),
        num_folds=num_folds,
        seed=seed,
    )


def _check_folds(
    root: Path, rows: Sequence[dict[str, Any]], problems: Sequence[str], names: Sequence[str], num_folds: int, seed: int
) -> None:
    """Refuse too few subjects for the folds before anything is written, as that takes long, and log those left out."""
    try:
        with_folds(root, rows, names, num_folds, seed)
    except InputError:
        for problem in problems:
            logger.warning("dropped %s", problem)
        raise


def _read_labels(
    labels: str | os.PathLike | None, class_names: Sequence[str]
) -> tuple[dict[str, dict[str, str]] | None, Sequence[str], Mapping[str, int]]:
    """Lines of the CSV by subject, the class names and their indices; ``None`` and no names without a CSV."""
    if labels is None:
        return None, (), {}
    lines = read_table(Path(labels), ("subject",))
    counts = Counter(line["subject"] for line in lines)
    if repeated := [f"subject {subject}: found {n} lines, expected one" for subject, n in counts.items() if n > 1]:
        raise InputError.of_rows(str(labels), repeated)
    check_columns(Path(labels), lines)
    names: Sequence[str] = ()
    indices: dict[str, int] = {}
    if lines and "label" in lines[0]:
        names, indices = label_indices(labels, (line["label"] for line in lines), class_names, "--class_names")
    return {line["subject"]: line for line in lines}, names, indices


def _find_series(folder: Path, rules: Mapping[str, DicomRule], missing: str, convert: bool) -> tuple[Found, list[str]]:
    """Slices of one patient by modality, and reasons why the patient is incomplete."""
    try:
        slices = find_slices(folder, sorted({key for rule in rules.values() for key in rule.keywords}))
    except ValueError as error:
        return {}, [str(error)]
    found, problems = match_series(slices, rules)
    reasons = list(problems.values())
    lacking = [name for name in rules if name not in found and name not in problems]
    if lacking and (missing == "refuse" or not (found or problems)):
        known = sorted({item.name for item in slices})
        keep = zeros_remedy(lacking, [*rules])
        reasons.append(f"no series matches {', '.join(lacking)} (found {', '.join(known) or 'no DICOM images'}){keep}")
    for name, files in found.items():
        folders = {path.parent for path in files}
        if not convert and {item.path for item in slices if item.path.parent in folders} != set(files):
            reasons.append(f"{name} shares the folder {files[0].parent} with other series; set convert (--convert)")
        elif not convert and len(folders) > 1:
            reasons.append(f"{name} is in {len(folders)} folders; set convert (--convert)")
    return found, reasons


def _convert(
    rows: list[dict[str, Any]],
    series: Mapping[str, Found],
    rules: Mapping[str, DicomRule],
    output: Path,
    problems: list[str],
) -> list[dict[str, Any]]:
    """Write NIfTI files and return the rows with these; rows that cannot be converted become problems."""
    converted = []
    for row in _bar(rows, "converting"):
        subject = row["subject"]
        files = [output / subject / f"{name}.nii.gz" if name in series[subject] else None for name in rules]
        reasons = []
        for (name, rule), file in zip(rules.items(), files, strict=True):
            try:
                if file is not None:
                    convert_series(series[subject][name], file, rule.frame)
            except ValueError as error:
                reasons.append(f"{name}: {error}")
        if not reasons and "mask" in row and _is_segmentation(row["mask"]):
            reference = next(file for file in files if file is not None)
            try:
                row = {**row, "mask": str(_convert_mask(row["mask"], reference, output / subject / "mask.nii.gz"))}
            except ValueError as error:
                reasons.append(f"mask: {error}")
        if reasons:
            problems.append(f"patient {subject}: {'; '.join(reasons)}")
            continue
        paths = [None if file is None else str(file) for file in files]
        converted.append({**row, "image": paths[0] if len(paths) == 1 else paths})
    return converted


def _is_segmentation(mask: str) -> bool:
    from ...images.dicom_segmentation import is_segmentation  # here and below, as --help needs no SimpleITK

    return is_segmentation(mask)


def _convert_mask(mask: str, reference: Path, output: Path) -> Path:
    """Write a DICOM segmentation as label map on the grid of a converted series."""
    import SimpleITK as sitk  # noqa: N813

    from ...images.dicom_segmentation import read_segmentation
    from ...images.volume import Volume
    from ...images.volume_files import write_itk_nifti

    labels = read_segmentation(mask, Volume.of(sitk.ReadImage(str(reference))))
    return write_itk_nifti(output, labels.to_itk())


def _bar(items: list[Any], what: str) -> Iterable[Any]:
    return tqdm(items, what, unit="patient", disable=len(items) <= FEW_PATIENTS)
