"""One study, from its files to the row that an archive's preprocessing expects."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from ...data.datalist import load_datalist
from ...errors import InputError
from ...images.dicom_files import choose_mask, choose_series, is_picture, write_mask, write_volume
from ...images.dicom_headers import DicomSlice
from ...images.dicom_rules import DicomRule
from ...images.image_files import folder_row, mask_name
from ...images.nifti import write_nifti
from ...images.read import read_image
from ...images.studies import DicomStudy
from ...programs import command_of
from .input_format import InputFormat
from .slices import take_slices

__all__ = ["Case", "DicomCase", "FileCase", "prepare", "rule_problem"]


@dataclass
class Case:
    """One study to predict.

    Attributes:
        name: name of the study, unique within a run.
    """

    name: str

    def files(self) -> list[Path]:
        """All files on which the prediction depends."""
        raise NotImplementedError

    def lacking(self) -> list[str]:
        """Names of modalities without a file; of DICOM none, as a rule may fail where a series is there."""
        return []

    def series(self) -> dict[str, str]:
        """Source of each modality, and of the mask, in a form that a person can find again."""
        raise NotImplementedError

    def row(self, folder: Path) -> dict[str, Any]:
        """``image`` and ``mask`` as files that MONAI reads; new files are written to ``folder``."""
        raise NotImplementedError

    def without_mask(self) -> str:
        """What is wrong with a study that lacks the mask which it needs."""
        raise NotImplementedError


@dataclass
class FileCase(Case):
    """A row of a datalist, or the images of a folder.

    Attributes:
        images: paths, to be matched to modalities by name; or the row.
        input: input format of the archive.
    """

    images: Sequence[Path] | Mapping[str, Any]
    input: InputFormat

    @cached_property
    def _row(self) -> dict[str, Any]:
        row = (
            self.images
            if isinstance(self.images, Mapping)
            else folder_row(self.images, self.input.modalities, self.input.missing)
        )
        if not row.get("image"):
            raise InputError("found a row without image, expected a path, or one for each modality")
        return {**row, "subject": self.name}

    def files(self) -> list[Path]:
        """Images, followed by the mask."""
        image = self._row["image"]
        paths = [*(image if isinstance(image, list) else [image]), self._row.get("mask")]
        paths = [Path(path) for path in paths if path is not None]
        if missing := [str(path) for path in paths if not (path.is_file() or path.is_dir())]:
            raise InputError(f"found no {', '.join(missing)}; correct the path")
        return paths

    def lacking(self) -> list[str]:
        """Modalities that are null in the row, or that no file has."""
        image = self._row["image"]
        files = image if isinstance(image, list) else [image]
        names = self.input.modalities if len(files) == len(self.input.modalities) else map(str, range(len(files)))
        return [name for name, file in zip(names, files, strict=True) if file is None]

    def series(self) -> dict[str, str]:
        """The paths."""
        image = self._row["image"]
        paths = image if isinstance(image, list) else [image]
        names = self.input.modalities if len(paths) == len(self.input.modalities) else ["image"]
        mask = {"mask": self._row["mask"]} if self._row.get("mask") and self.input.mask != "ignored" else {}
        shown = ["missing" if path is None else str(path) for path in paths]
        return dict(zip(names, shown, strict=False)) | mask

    def row(self, folder: Path) -> dict[str, Any]:
        """The row itself."""
        return self._row

    def without_mask(self) -> str:
        """A message with the name that the mask would have."""
        if isinstance(self.images, Mapping):
            return "mask: found none, expected a path; add it to the row"
        image = Path(next(filter(None, self._row["image"])))
        return f"mask: found none of {image.name}, expected {mask_name(image)} beside it; add it"


@dataclass
class DicomCase(Case):
    """A DICOM study.

    Attributes:
        study: files of the study.
        rules: rules by modality, and for the mask.
        input: input format of the archive.
    """

    study: DicomStudy
    rules: Mapping[str, DicomRule]
    input: InputFormat

    @cached_property
    def image_files(self) -> dict[str, list[Path]]:
        """Slices of each modality."""
        if problem := rule_problem(self.rules, self.input):
            raise InputError(problem)
        return choose_series(self.study, {name: self.rules[name] for name in self.input.modalities})

    @cached_property
    def mask_files(self) -> list[Path]:
        """Files of the mask; empty if the archive ignores masks."""
        if self.input.mask == "ignored":
            return []
        taken = [path for paths in self.image_files.values() for path in paths]
        return choose_mask(self.study, self.rules.get("mask"), taken)

    def files(self) -> list[Path]:
        """Slices of all modalities, followed by the mask."""
        return [*(path for paths in self.image_files.values() for path in paths), *self.mask_files]

    def series(self) -> dict[str, str]:
        """Series Instance UIDs, with the frame that is taken of a film; the path of a mask that is not DICOM."""
        found = {name: self._series(paths[0]) for name, paths in self.image_files.items()}
        frames = self.frames
        for name, paths in self.image_files.items():
            if paths[0] in frames:
                found[name] += f", frame {frames[paths[0]]}"
        return found | ({"mask": self._series(self.mask_files[0])} if self.mask_files else {})

    @property
    def is_picture(self) -> bool:
        """Whether the first modality is a plane without a position in the patient, such as ultrasound."""
        return is_picture(self._slices(next(iter(self.image_files))))

    @property
    def frames(self) -> dict[Path, int]:
        """Number of the frame that is taken, from 1, of each file that is a film."""
        numbers = {item.path: item.frame_number for name in self.image_files for item in self._slices(name)}
        return {path: number for path, number in numbers.items() if number is not None}

    def _slices(self, name: str) -> list[DicomSlice]:
        taken = set(self.image_files[name])
        return [replace(item, frame=self.rules[name].frame) for item in self.study.images if item.path in taken]

    def row(self, folder: Path) -> dict[str, Any]:
        """Each series as NIfTI."""
        images = {name: folder / f"{name}.nii.gz" for name in self.image_files}
        for name, paths in self.image_files.items():
            write_volume(paths, self.is_picture, images[name], self.rules[name].frame)
        row: dict[str, Any] = {"image": [str(path) for path in images.values()], "subject": self.name}
        if self.mask_files:
            first = next(iter(images.values()))
            series, rule, output = next(iter(self.image_files.values())), self.rules.get("mask"), folder / "mask.nii.gz"
            mask = write_mask(self.mask_files, self.study, series, first, self.is_picture, output, rule)
            row["mask"] = str(mask)
        return row

    def without_mask(self) -> str:
        """A message with all forms of a mask."""
        return (
            "mask: found none; expected a DICOM segmentation, a structure set, a series or a file mask.nii.gz of this "
            "study; add it, or give a rule that matches it (--rules)"
        )

    def _series(self, path: Path) -> str:
        headers = {item.path: item.header for item in self.study.files}
        return str(headers[path].SeriesInstanceUID) if path in headers else str(path)


def rule_problem(rules: Mapping[str, DicomRule], wanted: InputFormat) -> str:
    """Why DICOM cannot be used with an archive: it has no rule for a modality; empty text if it can."""
    lacking = [name for name in wanted.modalities if name not in rules]
    if not lacking:
        return ""
    return (
        f"dicom_rules: found none for {', '.join(lacking)}, expected one for each modality; give them in a file "
        f"(--rules), or package the weights again ({command_of('package')})"
    )


def prepare(case: Case, wanted: InputFormat, folder: Path) -> dict[str, Any]:
    """Convert a study to a row for preprocessing, with the checks of a training's datalist.

    Args:
        case: the study.
        wanted: input format of the archive.
        folder: folder for new files.

    Returns:
        ``image``, a file for each channel, ``mask`` if there is one, and ``subject``.

    Raises:
        InputError: the study has problems, which are listed in one line.
    """
    lacking = case.lacking()
    if lacking and (wanted.missing == "refuse" or len(lacking) == len(wanted.modalities)):
        raise InputError(
            f"image: found no file of {', '.join(lacking)}, expected one; add it, or package weights that were trained "
            f"without some of them with {command_of('package')} --missing zeros"
        )
    found = case.row(folder)
    if wanted.mask == "required" and not found.get("mask"):
        raise InputError(case.without_mask())
    given = {"image": [file for file in found["image"] if file is not None]} if lacking else {}
    datalist = folder / "datalist.json"
    datalist.write_text(json.dumps({"testing": [{**found, **given, "subject": "case"}]}))  # its name may be any text
    try:
        (row,) = load_datalist(
            datalist,
            section="testing",
            spatial_dims=3 if wanted.spatial_dims == 3 or wanted.num_slices is not None else [2, 3],
            num_images=len(wanted.modalities) - len(lacking),
            mask=wanted.mask,
            mask_label=wanted.mask_label,
            num_workers=1,
        )
    except InputError as error:
        problems = [line.strip().removeprefix("testing[0] (subject case) ") for line in str(error).splitlines()]
        text = "; ".join(problem for problem in problems if not problem.startswith(str(datalist)))
        raise InputError((text or str(error)).replace(f"{folder}/", "")) from error
    row["subject"] = case.name
    if lacking:
        files = iter([row["image"]] if isinstance(row["image"], str) else row["image"])
        row["image"] = [None if file is None else next(files) for file in found["image"]]
    return _as_nifti(row, folder) if wanted.spatial_dims == 3 else take_slices(row, wanted, folder)


def _as_nifti(row: dict[str, Any], folder: Path) -> dict[str, Any]:
    """The row with each file rewritten as this project reads it, since an archive's reader, MONAI's, may differ."""
    row, number = dict(row), 0
    for key in ("image", "mask"):
        paths = row.get(key) or []
        written = []
        for path in [paths] if isinstance(paths, str) else paths:
            if not path.startswith(f"{folder}/"):
                image = read_image(path, is_mask=key == "mask")
                affine = np.eye(4) if image.affine is None else image.affine
                path = str(write_nifti(folder / f"read-{number}.nii", image.voxels, affine, image.spacing))
                number += 1
            written.append(path)
        if written:
            row[key] = written[0] if isinstance(paths, str) else written
    return row
