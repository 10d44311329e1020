"""Choice of the series and the mask of a DICOM study, and their conversion to NIfTI."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from ..errors import InputError
from .dicom_headers import DicomSlice
from .dicom_rules import DicomRule, Frame
from .dicom_search import match_series
from .dicom_segmentation import read_segmentation
from .dicom_series import stack_of
from .image_files import is_mask, mask_files
from .nifti import write_nifti
from .read import read_image
from .structure_sets import choose_structure, read_structure
from .studies import DicomStudy
from .volume import Volume
from .volume_files import write_itk_nifti

__all__ = ["choose_mask", "choose_series", "is_picture", "write_mask", "write_volume"]


def choose_series(study: DicomStudy, rules: Mapping[str, DicomRule]) -> dict[str, list[Path]]:
    """Slices of each modality.

    Args:
        study: study to search.
        rules: rules by modality.

    Returns:
        Files by modality.

    Raises:
        InputError: a modality is missing or ambiguous; the message lists all problems.
    """
    files, problems = match_series(study.images, rules)
    reasons = list(problems.values())
    if lacking := [name for name in rules if name not in files and name not in problems]:
        known = ", ".join(sorted({item.name for item in study.images}))
        reasons.append(f"no series matches {', '.join(lacking)} (found {known or 'no images'})")
    remedy = "; choose one series for each name by --rules rules.yaml (docs/hospital.md)" if reasons else ""
    if len(study.patients) > 1:
        reasons.append(f"found files of {len(study.patients)} patients under one Study Instance UID, expected one")
    if reasons:
        raise InputError("; ".join(reasons) + remedy)
    return files


def choose_mask(study: DicomStudy, rule: DicomRule | None, taken: Sequence[Path]) -> list[Path]:
    """The study's mask: a DICOM segmentation, else a structure set, else a series, else a file of another format.

    Args:
        study: study to search.
        rule: rule of the mask, which chooses among segmentations; without it, no series is taken as mask.
        taken: slices of the image, which are never taken as mask.

    Returns:
        Files of the mask, empty if there is none.

    Raises:
        InputError: there are several masks.
    """
    named = [item for item in study.segmentations if rule is not None and rule.matches(item.header)]
    found = named or study.segmentations
    if len(found) > 1:
        names = ", ".join(sorted(item.name for item in found))
        raise InputError(
            f"found {len(found)} segmentations ({names}), expected one; distinguish them by a rule for mask"
        )
    if found:
        return [found[0].path]
    if len(study.structures) > 1:
        names = ", ".join(sorted(item.path.name for item in study.structures))
        raise InputError(f"found {len(study.structures)} structure sets ({names}), expected one; remove the others")
    if study.structures:
        choose_structure(study.structures[0].header, rule)
        return [study.structures[0].path]
    rest = [item for item in study.images if item.path not in set(taken)]
    files, problems = match_series(rest, {} if rule is None else {"mask": rule})
    if problems:
        raise InputError("; ".join(problems.values()))
    if files:
        return files["mask"]
    beside = [] if study.folder is None else mask_files(study.folder)
    if len(beside) > 1:
        raise InputError(f"found {len(beside)} masks ({', '.join(path.name for path in beside)}), expected one")
    return beside


def is_picture(slices: Sequence[DicomSlice]) -> bool:
    """Whether a series is one plane without a position in the patient, such as ultrasound."""
    return len(slices) == 1 and stack_of(slices)[1] is None


def write_volume(files: Sequence[Path], picture: bool, output: Path, frame: Frame | None = None) -> None:
    """Write a series as NIfTI: a volume, or a picture with two axes, right and down.

    Args:
        files: files of the series.
        picture: result of :func:`is_picture` for the first modality.
        output: path of the ``.nii.gz`` file.
        frame: frame to take of a film, which becomes a picture.

    Raises:
        InputError: the pixels cannot be read, or the series is a volume where a picture is expected, or the reverse.
    """
    try:
        image = read_image(files, frame=frame)
        if picture != (image.affine is None):
            raise ValueError("found a picture and a volume, expected all modalities to be one or the other")
        write_nifti(output, image.voxels, np.eye(4) if image.affine is None else image.affine)
    except ValueError as error:
        raise InputError(f"{output.name.partition('.')[0]}: {error}") from error


def write_mask(
    files: Sequence[Path],
    study: DicomStudy,
    series: Sequence[Path],
    image: Path,
    picture: bool,
    output: Path,
    rule: DicomRule | None = None,
) -> Path:
    """Write a mask on the image's grid, unless its file can be read without conversion.

    Args:
        files: result of :func:`choose_mask`.
        study: study of these files.
        series: slices of the first modality.
        image: NIfTI file of it.
        picture: whether that modality is a picture.
        output: path of the ``.nii.gz`` file.
        rule: rule of the mask, which chooses among structures.

    Returns:
        The file of the mask.
    """
    if is_mask(files[0]):
        return files[0]
    structures = {item.path: item.header for item in study.structures}
    if files[0] in structures:
        _write_structure(files[0], choose_structure(structures[files[0]], rule), series, image, output)
    elif files[0] not in {item.path for item in study.segmentations}:
        write_volume(files, picture, output)
    elif picture:
        write_nifti(output, _segmented_picture(files[0]).T, np.eye(4))
    else:
        import SimpleITK as sitk  # noqa: N813

        labels = read_segmentation(files[0], Volume.of(sitk.ReadImage(str(image))))
        write_itk_nifti(output, labels.to_itk())
    return output


def _write_structure(path: Path, name: str, series: Sequence[Path], image: Path, output: Path) -> None:
    import SimpleITK as sitk  # noqa: N813

    grid = sitk.ReadImage(str(image))
    if grid.GetDimension() != 3:
        raise InputError(f"{path.name}: a structure set, but the image is a plane; expected a volume")
    write_itk_nifti(output, read_structure(path, series, grid, name))


def _segmented_picture(path: Path) -> np.ndarray:
    """The label map ``[rows, columns]`` of a segmentation of one instance without a position in the patient."""
    import highdicom

    try:
        segmentation = highdicom.seg.segread(path)
        sources = [uid for _, _, uid in segmentation.get_source_image_uids()]
        if len(sources) != 1:
            raise ValueError(f"{len(sources)} source images")
        return segmentation.get_pixels_by_source_instance(
            sources, combine_segments=True, skip_overlap_checks=True, ignore_spatial_locations=True
        )[0]
    except (RuntimeError, ValueError, KeyError, AttributeError) as error:
        reason = " ".join(str(error).split())
        raise InputError(
            f"{path}: cannot be resampled onto the image ({reason}); expected a segmentation of it"
        ) from error
