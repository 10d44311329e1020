"""De-identified copies of the series of a cohort, with a report."""

from __future__ import annotations

import csv
import io
import json
import os
import secrets
import shutil
from collections.abc import Mapping, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

from ...errors import InputError
from ...files import write_atomically
from ...images.deidentification import EDITION, METHODS, Deidentifier, burned_in_text

__all__ = ["deidentify_cohort", "read_secret"]

Found = dict[str, list[Path]]  # files by modality
COPIES = "deidentified"  # folder beside the datalist


def read_secret(path: Path) -> bytes:
    """The secret of the pseudonyms; a new one if there is no file.

    Args:
        path: file of the secret, which only this user may read.

    Raises:
        InputError: the file is too short for a secret.
    """
    if not path.is_file():
        path.parent.mkdir(parents=True, exist_ok=True)
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(handle, "w") as file:
            file.write(f"{secrets.token_hex(32)}\n")
    secret = path.read_bytes().strip()
    if len(secret) < 32:
        raise InputError(f"{path}: found {len(secret)} characters, expected a secret of at least 32; delete the file")
    return secret


def deidentify_cohort(
    rows: Sequence[dict[str, Any]],
    series: Mapping[str, Found],
    modality: Sequence[str],
    output: Path,
    secret_file: Path,
) -> tuple[list[dict[str, Any]], dict[str, Found]]:
    """Write de-identified copies of all images and masks of a cohort.

    ``<output>/deidentified/report.json`` says what was done and lists images that may show text; ``pseudonyms.csv``,
    beside the secret, has the pseudonym of each subject and stays where the patients are known.

    Args:
        rows: rows of the datalist, whose subjects become pseudonyms.
        series: files of each modality, by subject.
        modality: names of the modalities, in the order of the images of a row.
        output: folder of the datalist.
        secret_file: file of the secret.

    Returns:
        The rows and the files, of the copies.

    Raises:
        InputError: two subjects, or a subject and one of an earlier run, have the same pseudonym.
    """
    known = Deidentifier(read_secret(secret_file))
    table = secret_file.with_name("pseudonyms.csv")
    _check_pseudonyms(table, {row["subject"]: known.pseudonym(row["subject"]) for row in rows})
    copies: dict[str, Found] = {}
    changed, flagged, names = [], [], []
    for row in rows:
        subject = row["subject"]
        pseudonym = known.pseudonym(subject)
        folder = output / COPIES / pseudonym
        shutil.rmtree(folder, ignore_errors=True)  # of an earlier run, which may have had more slices
        copies[pseudonym] = {}
        for name, files in series[subject].items():
            copies[pseudonym][name] = [
                _copy(path, folder / name / f"{number:04d}.dcm", known, subject) for number, path in enumerate(files)
            ]
            reasons = {burned_in_text(path) for path in files} - {""}
            flagged += [{"subject": pseudonym, "series": name, "reason": reason} for reason in sorted(reasons)]
        found = copies[pseudonym]
        images = [str(found[name][0].parent) if name in found else None for name in modality]
        new = {**row, "subject": pseudonym, "image": images if isinstance(row["image"], list) else images[0]}
        if row.get("mask"):
            new["mask"] = str(_copy_mask(Path(row["mask"]), folder, known, subject))
        changed.append(new)
        names.append((subject, pseudonym))
    _write_report(output / COPIES / "report.json", changed, copies, flagged)
    _write_names(table, names)
    return changed, copies


def _copy(path: Path, output: Path, known: Deidentifier, subject: str) -> Path:
    import pydicom

    data = pydicom.dcmread(path, force=True)  # files without preamble, too
    known.apply(data, subject)
    content = io.BytesIO()
    data.save_as(content, enforce_file_format=True)
    return write_atomically(output, content.getvalue())


def _copy_mask(path: Path, folder: Path, known: Deidentifier, subject: str) -> Path:
    """A mask without header texts: DICOM as the images, a folder of DICOM too, and other formats as NIfTI."""
    from ...images.dicom_headers import is_dicom
    from ...images.nifti import write_nifti
    from ...images.read import read_image

    if path.is_dir():
        for number, file in enumerate(sorted(path.iterdir())):
            _copy(file, folder / "mask" / f"{number:04d}.dcm", known, subject)
        return folder / "mask"
    if is_dicom(path):
        return _copy(path, folder / "mask.dcm", known, subject)
    mask = read_image(path, is_mask=True)
    if mask.affine is None:
        raise InputError(f"{path}: found a picture, expected a mask as DICOM or NIfTI; convert it")
    return write_nifti(folder / "mask.nii.gz", mask.voxels, mask.affine)


def _write_report(path: Path, rows: Sequence[Any], copies: Mapping[str, Found], flagged: Sequence[Any]) -> None:
    content = {
        "profile": [f"{code} {meaning}" for code, meaning in METHODS],
        "table": f"PS3.15 E.1-1, {EDITION.removeprefix('dicomfields_')}",
        "software": {name: version(name) for name in ("dicom-anonymizer", "deid", "pydicom")},
        "subjects": len(rows),
        "images": sum(len(files) for found in copies.values() for files in found.values()),
        "pixels": "not changed, not read: look at the images before they leave the hospital",
        "may_show_text": list(flagged),
    }
    write_atomically(path, json.dumps(content, indent=1) + "\n")


def _read_names(path: Path) -> dict[str, str]:
    """Pseudonyms of earlier runs by subject."""
    if not path.is_file():
        return {}
    with open(path, newline="", encoding="utf-8") as file:
        return {line["subject"]: line["pseudonym"] for line in csv.DictReader(file)}


def _check_pseudonyms(path: Path, names: Mapping[str, str]) -> None:
    """Refuse to merge two subjects."""
    subjects: dict[str, list[str]] = {}
    for subject, pseudonym in (_read_names(path) | dict(names)).items():
        subjects.setdefault(pseudonym, []).append(subject)
    problems = [
        f"{' and '.join(sorted(several))}: found one pseudonym, {pseudonym}; expected one each; use another --secret"
        for pseudonym, several in subjects.items()
        if len(several) > 1
    ]
    if problems:
        raise InputError.of_rows(str(path), problems)


def _write_names(path: Path, names: Sequence[tuple[str, str]]) -> None:
    """Add subjects to the table of pseudonyms, which only this user may read."""
    rows = _read_names(path) | dict(names)
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerows([("subject", "pseudonym"), *sorted(rows.items())])
    write_atomically(path, text.getvalue()).chmod(0o600)
