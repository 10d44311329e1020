"""The DICOM slices below a folder, which of them are one modality, and the volume that they make."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .dicom_rules import DicomRule
from .dicom_series import check_dicom_series
from .nifti_writer import write_nifti

__all__ = ["DicomSlice", "convert_series", "find_slices", "linked", "match_series"]


@dataclass(frozen=True)
class DicomSlice:
    """One image file.

    Attributes:
        path: of the file.
        header: the elements asked for, a :class:`pydicom.Dataset`.
    """

    path: Path
    header: Any

    @property
    def name(self) -> str:
        """The series as a person knows it."""
        number, description = self.header.get("SeriesNumber"), self.header.get("SeriesDescription")
        return f"series {number if number is not None else 'without number'} {description or 'without description'!r}"


def find_slices(folder: Path, keywords: Sequence[str]) -> list[DicomSlice]:
    """Headers of all DICOM images in a folder's tree; pixels are not read.

    Args:
        folder: of a patient.
        keywords: elements that rules look at.

    Raises:
        ValueError: a file that calls itself DICOM cannot be read.
    """
    import pydicom

    wanted = [*{*keywords, "SeriesInstanceUID", "SeriesNumber", "SeriesDescription", "Rows"}]
    slices = []
    for path in sorted(path for path in folder.rglob("*") if path.is_file() and pydicom.misc.is_dicom(path)):
        try:
            header = pydicom.dcmread(path, stop_before_pixels=True, specific_tags=wanted)
        except Exception as error:  # whatever a broken header makes of pydicom
            reason = " ".join(str(error).split())[:120]
            raise ValueError(f"{path}: found an unreadable DICOM header ({reason})") from error
        if header.get("Rows"):  # not a DICOMDIR, a report or a structure set
            slices.append(DicomSlice(path, header))
    return slices


def match_series(
    slices: Sequence[DicomSlice], rules: Mapping[str, DicomRule]
) -> tuple[dict[str, list[Path]], dict[str, str]]:
    """Which slices are which modality.

    Args:
        slices: of one patient.
        rules: by modality.

    Returns:
        Files by modality, of those modalities that one series matches, and by modality what is wrong: two series
        match its rule, a slice matches another rule too, or the slices are no regular volume. A modality that nothing
        matches is in neither.
    """
    files: dict[str, list[Path]] = {}
    owners: dict[Path, str] = {}
    problems: dict[str, str] = {}
    for modality, rule in rules.items():
        matched = [item for item in slices if rule.matches(item.header)]
        series = {item.header.get("SeriesInstanceUID"): item.name for item in matched}
        if len(series) > 1:
            names = ", ".join(sorted(series.values()))
            problems[modality] = f"{modality} matches {len(series)} series ({names}), expected one"
            continue
        if shared := {owners[item.path] for item in matched if item.path in owners}:
            others = " and ".join(sorted(shared))
            problems[modality] = f"{modality} matches slices of {matched[0].name} that {others} matches too"
            continue
        owners |= {item.path: modality for item in matched}
        if not matched:
            continue
        files[modality] = [item.path for item in matched]
        try:
            with linked(files[modality]) as folder:
                check_dicom_series(folder)
        except ValueError as error:
            problems[modality] = f"{modality} ({matched[0].name}): {error}"
    return files, problems


@contextmanager
def linked(files: Sequence[Path]) -> Iterator[Path]:
    """A temporary folder that shows these files and no others, to readers that take a folder for a series."""
    with tempfile.TemporaryDirectory() as folder:
        for number, path in enumerate(files):
            os.symlink(os.path.abspath(path), Path(folder) / f"{number:06d}.dcm")
        yield Path(folder)


def convert_series(files: Sequence[Path], output: Path) -> None:
    """Write the volume that the slices make as NIfTI, whole or not at all.

    Args:
        files: slices of one regular series.
        output: the ``.nii.gz``.

    Raises:
        ValueError: the reader fails, or takes only some of the slices.
    """
    from monai.transforms import LoadImage

    with linked(files) as folder:
        try:
            image = LoadImage(image_only=True)(folder)
        except Exception as error:  # readers raise whatever their C libraries do
            raise ValueError(f"found unreadable slices ({' '.join(str(error).split())[:120]})") from error
    voxels = image.numpy()
    if voxels.ndim != 3 or (len(files) > 1 and voxels.shape[2] != len(files)):  # one file may hold all slices
        raise ValueError(
            f"found {len(files)} slices of which the reader makes shape {voxels.shape}, expected all of them"
        )
    write_nifti(output, voxels, image.affine.numpy())
