"""Search for DICOM slices in a folder, their modalities, and conversion of series to NIfTI."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from .dicom_headers import SEGMENTATION, DicomSlice, read_header
from .dicom_rules import DicomRule, Frame
from .dicom_series import stack_of
from .nifti import write_nifti
from .read import read_image
from .stored_image import UnreadableImageError

__all__ = ["convert_series", "find_slices", "match_series"]


def find_slices(folder: Path, keywords: Sequence[str]) -> list[DicomSlice]:
    """Headers of all DICOM images in a folder and its subfolders, without segmentations; pixels are not read.

    Args:
        folder: folder of a patient.
        keywords: elements that the rules compare.

    Raises:
        UnreadableImageError: a DICOM file cannot be read.
    """
    slices = []
    for path in sorted(path for path in folder.rglob("*") if path.is_file()):
        try:
            header = read_header(path, keywords)
        except UnreadableImageError as error:
            raise UnreadableImageError(f"{path}: {error}") from error
        if header is not None and header.get("SOPClassUID") not in SEGMENTATION:
            slices.append(DicomSlice(path, header))
    return slices


def match_series(
    slices: Sequence[DicomSlice], rules: Mapping[str, DicomRule]
) -> tuple[dict[str, list[Path]], dict[str, str]]:
    """Assign slices to modalities.

    Args:
        slices: slices of one patient.
        rules: rules by modality.

    Returns:
        Files by modality, for modalities that match exactly one series, and problems by modality: two series
        match the rule, a slice matches another rule too, or the slices are no regular volume. A modality without
        matching slices is in neither.
    """
    files: dict[str, list[Path]] = {}
    owners: dict[Path, str] = {}
    problems: dict[str, str] = {}
    for modality, rule in rules.items():
        matched = [replace(item, frame=rule.frame) for item in slices if rule.matches(item.header)]
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
            stack_of(matched)
        except UnreadableImageError as error:
            problems[modality] = f"{modality} ({matched[0].name}): {error}"
    return files, problems


def convert_series(files: Sequence[Path], output: Path, frame: Frame | None = None) -> None:
    """Convert a series to NIfTI; the file is written completely or not at all.

    Args:
        files: slices of one regular series.
        output: path of the ``.nii.gz`` file.
        frame: frame to take of a film, which becomes a picture: two axes, right and down.

    Raises:
        UnreadableImageError: see :func:`~common.images.dicom_series.read_dicom`; or the series is no volume.
    """
    image = read_image(files, frame=frame)
    if image.affine is None and frame is None:
        raise UnreadableImageError("found one picture without a position in the patient, expected a volume")
    write_nifti(output, image.voxels, np.eye(4) if image.affine is None else image.affine)
