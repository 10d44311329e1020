"""Search for DICOM studies in a folder, whatever the layout of its subfolders."""

from __future__ import annotations

import os
import warnings
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from tqdm import tqdm

from .dicom_headers import SEGMENTATION, DicomSlice, read_header
from .stored_image import UnreadableImageError
from .structure_sets import structure_set_header

__all__ = ["DicomStudy", "all_files", "find_studies", "irregular_files"]

FEW_FILES = 500  # no progress bar for so few


@dataclass
class DicomStudy:
    """Files of one study.

    Attributes:
        uid: Study Instance UID.
        folder: highest folder without files of other studies, whose masks in other formats belong to the study;
            ``None`` if studies share their folders.
        images: slices of all series.
        segmentations: DICOM segmentations.
        structures: structure sets (RTSTRUCT).
    """

    uid: str
    folder: Path | None = None
    images: list[DicomSlice] = field(default_factory=list)
    segmentations: list[DicomSlice] = field(default_factory=list)
    structures: list[DicomSlice] = field(default_factory=list)

    @property
    def files(self) -> list[DicomSlice]:
        """Slices, segmentations and structure sets."""
        return [*self.images, *self.segmentations, *self.structures]

    @property
    def patients(self) -> set[str]:
        """Patient IDs of the files; a valid study has one."""
        return {str(item.header.get("PatientID", "")) for item in self.files}


def find_studies(
    root: Path, keywords: Sequence[str], skip: Path | None = None
) -> tuple[list[DicomStudy], dict[str, str]]:
    """Sort all DICOM files of a folder and its subfolders into studies; pixels are not read.

    Args:
        root: folder to search.
        keywords: elements that the rules compare.
        skip: folder to leave out, such as that of the results if it is inside ``root``.

    Returns:
        The studies in the order of their first files, and reasons by path for unusable DICOM files. Reports and a
        DICOMDIR are ignored, and structure sets of studies without images.
    """
    studies: dict[str, DicomStudy] = {}
    unreadable: dict[Path, str] = {}
    structures: list[DicomSlice] = []
    files = list(all_files(root, skip))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # values that violate the standard
        for path in tqdm(files, "reading headers", unit="file", disable=len(files) <= FEW_FILES):
            try:
                if (header := read_header(path, ["StudyInstanceUID", *keywords])) is not None:
                    _sort(DicomSlice(path, header), studies)
                elif (header := structure_set_header(path)) is not None:
                    structures.append(DicomSlice(path, header))
            except (UnreadableImageError, OSError) as error:
                unreadable[path] = str(error)
    for item in structures:
        if (study := studies.get(str(item.header.get("StudyInstanceUID") or ""))) is not None:
            study.structures.append(item)
    _find_folders(root, studies.values())
    return list(studies.values()), _joined(unreadable)


def _sort(item: DicomSlice, studies: dict[str, DicomStudy]) -> None:
    """Add an image to its study."""
    uid = str(item.header.get("StudyInstanceUID") or "")
    if not uid:
        raise UnreadableImageError("found no Study Instance UID, expected one; correct the file or remove it")
    study = studies.setdefault(uid, DicomStudy(uid))
    place = study.segmentations if item.header.get("SOPClassUID") in SEGMENTATION else study.images
    place.append(item)


def _joined(unreadable: dict[Path, str]) -> dict[str, str]:
    """One line for all files of a folder with the same reason, as a series may have hundreds of files."""
    together: dict[tuple[Path, str], list[Path]] = {}
    for path, reason in unreadable.items():
        together.setdefault((path.parent, reason), []).append(path)
    lines: dict[str, str] = {}
    for (folder, reason), paths in together.items():
        name = str(paths[0]) if len(paths) == 1 else f"{folder} ({len(paths)} files)"
        lines[name] = f"{lines[name]}; {reason}" if name in lines else reason
    return lines


def all_files(root: Path, skip: Path | None = None) -> Iterator[Path]:
    """Regular files of a folder and its subfolders in the order of their names, without hidden ones.

    Links are followed, but each folder is visited once. Pipes, sockets and devices are left out, as reading them may
    never end.

    Args:
        root: folder to search.
        skip: subfolder to leave out.
    """
    return (path for path in _all_paths(root, skip) if path.is_file())


def irregular_files(root: Path, skip: Path | None = None) -> dict[str, str]:
    """Reasons by path why pipes, sockets, devices and links to nothing are not read, see :func:`all_files`.

    Files of one folder with the same reason share a line, as in :func:`find_studies`.
    """
    found = {path: path.exists() for path in _all_paths(root, skip) if not path.is_file()}
    return _joined(
        {
            path: f"found a {'pipe or device' if exists else 'link to nothing'}, expected a regular file; remove it"
            for path, exists in found.items()
        }
    )


def _all_paths(root: Path, skip: Path | None) -> Iterator[Path]:
    """Whatever is in a folder and its subfolders, but for folders and what is hidden."""
    above = {_identity(folder) for folder in root.resolve().parents}  # a link to one of them is a cycle
    seen: set[tuple[int, int]] = set()
    for folder, folders, names in os.walk(root, followlinks=True):
        place = _identity(Path(folder))
        if place in seen | above:
            folders.clear()
            continue
        seen.add(place)
        folders[:] = sorted(
            name for name in folders if not name.startswith(".") and Path(folder, name).resolve() != skip
        )
        yield from (Path(folder, name) for name in sorted(names) if not name.startswith("."))


def _identity(folder: Path) -> tuple[int, int]:
    found = folder.stat()
    return found.st_dev, found.st_ino


def _find_folders(root: Path, studies: Collection[DicomStudy]) -> None:
    """Set the folder of each study to the highest one without other studies."""
    owners: dict[Path, set[str]] = {}
    for study in studies:
        for folder in {item.path.parent for item in study.files}:
            above = folder.parents[: len(folder.parts) - len(root.parts)]
            for each in (folder, *above):
                owners.setdefault(each, set()).add(study.uid)
    for study in studies:
        folder = Path(os.path.commonpath([item.path.parent for item in study.files]))
        if len(owners[folder]) > 1:
            continue
        while folder != root and len(owners[folder.parent]) == 1:
            folder = folder.parent
        study.folder = folder
