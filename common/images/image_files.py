"""Cases stored as files of volumes or pictures: one folder each, or rows of a datalist."""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Any

from ..datalist_json import read_datalist
from ..errors import InputError
from .nifti import NIFTI_SUFFIXES
from .pictures import PICTURE_SUFFIXES
from .studies import all_files

__all__ = [
    "cases_of_folder",
    "datalist_rows",
    "folder_row",
    "image_folders",
    "is_image",
    "is_mask",
    "mask_files",
    "mask_name",
]

SUFFIXES = (*NIFTI_SUFFIXES, ".nrrd", ".nhdr", ".mha", ".mhd", ".mnc", *PICTURE_SUFFIXES)
MASK = re.compile(r"(^|[\W_])(mask|seg|segmentation)([\W_]?\d+)?$", re.IGNORECASE)


def is_image(path: Path) -> bool:
    """Whether a file is an image other than DICOM, according to its name."""
    return path.name.lower().endswith(SUFFIXES)


def is_mask(path: Path) -> bool:
    """Whether an image is a mask by its name, such as ``mask.nii.gz``, ``patient7_seg.nii.gz`` or ``a_mask_1.png``."""
    return is_image(path) and MASK.search(_stem(path)) is not None


def mask_name(image: Path) -> str:
    """Name that the mask of an image has, in the image's folder: that of a picture, or any of a volume's."""
    return f"{_stem(image)}_mask{image.suffix}" if _is_picture(image) else "mask.nii.gz or *_seg.nii.gz"


def mask_files(folder: Path) -> list[Path]:
    """Masks in the folder of a DICOM study, without those next to images of other formats."""
    return [path for files in _by_folder(folder).values() if all(map(is_mask, files)) for path in files]


def image_folders(root: Path, skip: Path | None, taken: Collection[Path]) -> dict[Path, list[Path]]:
    """Images by folder.

    Args:
        root: folder to search, with its subfolders.
        skip: folder to leave out.
        taken: folders of DICOM studies; masks without images in them or their subfolders belong to the studies.

    Returns:
        Image files by folder.
    """
    folders = _by_folder(root, skip)
    return {
        folder: files
        for folder, files in folders.items()
        if not (all(map(is_mask, files)) and any(folder.is_relative_to(study) for study in taken))
    }


def _by_folder(root: Path, skip: Path | None = None) -> dict[Path, list[Path]]:
    folders: dict[Path, list[Path]] = {}
    for path in filter(is_image, all_files(root, skip)):
        folders.setdefault(path.parent, []).append(path)
    return folders


def cases_of_folder(files: Sequence[Path], modalities: Sequence[str]) -> dict[str, list[Path]]:
    """Divide the images of one folder into cases.

    A folder is one case, except where it holds pictures and there is one modality: then each picture is a case, however
    many there are, and ``a.png`` has the mask ``a_mask.png``. A mask without a picture is a case too, which cannot be
    predicted. The only picture beside a mask of another name, such as ``mask.png``, is the folder's.

    Args:
        files: images of the folder.
        modalities: modalities in the order of the channels.

    Returns:
        Files by the name of the case in the folder; the name is empty where the folder is one case.
    """
    pictures = [path for path in files if not is_mask(path)]
    named = [path for path in pictures if any(_is_called(path, name) for name in (*modalities, "image"))]
    if len(modalities) != 1 or not pictures or named or not all(map(_is_picture, files)):
        return {"": list(files)}
    cases: dict[str, list[Path]] = {}
    for path in [*pictures, *filter(is_mask, files)]:  # a.png and a.jpg are one case too, which is refused
        cases.setdefault(MASK.sub("", _stem(path)), []).append(path)
    if len(pictures) == 1 < len(cases):
        return {"": list(files)}
    return dict(sorted(cases.items()))


def _is_picture(path: Path) -> bool:
    return path.name.lower().endswith(PICTURE_SUFFIXES)


def folder_row(files: Sequence[Path], modalities: Sequence[str], missing: str = "refuse") -> dict[str, Any]:
    """Datalist row of the images of one folder, matched by their names.

    ``T2.nii.gz`` and ``patient7_t2.nii.gz`` are T2; ``image.nii.gz`` contains all modalities as channels; with one
    modality and one image, the name does not matter.

    Args:
        files: images of the folder.
        modalities: modalities in the order of the channels.
        missing: "zeros" gives ``None`` for modalities without a file, but not for all of them, and not beside an image
            of none, which may be one of them under another name.

    Returns:
        A row with ``image`` and, if there is a mask, ``mask``.

    Raises:
        InputError: a modality has no file or several, or there are several masks.
    """
    masks, images = [path for path in files if is_mask(path)], [path for path in files if not is_mask(path)]
    found = {name: [path for path in images if _is_called(path, name)] for name in modalities}
    if not any(found.values()):
        whole = [path for path in images if _is_called(path, "image")]
        if whole or len(modalities) == len(images) == 1:
            found = {"image": whole or images}
    named = {path for paths in found.values() for path in paths}
    may_lack = missing == "zeros" and bool(images) and named == {*images}
    problems = [
        f"found {len(paths)} files of {name}, expected one named {name}.nii.gz or *_{name}.nii.gz"
        for name, paths in found.items()
        if len(paths) != 1 and not (may_lack and not paths)
    ]
    if len(masks) > 1:
        problems.append(f"found {len(masks)} masks, expected one; join them in one file")
    if problems:
        names = ", ".join(path.name for path in files)
        raise InputError(f"{'; '.join(problems)} (the folder has {names})")
    row: dict[str, Any] = {"image": [str(paths[0]) if paths else None for paths in found.values()]}
    return row | ({"mask": str(masks[0])} if masks else {})


def datalist_rows(path: Path) -> list[tuple[str, dict[str, Any]]]:
    """Names and rows of the cases to predict: those of ``testing``, or of ``training`` if there are none.

    Args:
        path: JSON file; paths in it are relative to its folder.

    Raises:
        InputError: the file is no datalist, or rows are no objects with paths.
    """
    if is_image(path):
        raise InputError(f"{path}: found an image, expected a folder or a datalist; give its folder")
    content = read_datalist(path)
    if not (rows := content.get("testing") or content.get("training")):
        others = [name for name, value in content.items() if value and isinstance(value, list)]
        but = f" (but {', '.join(others)})" if others else ""
        raise InputError(
            f"{path}: found no rows in testing or training{but}, expected at least one; add them, or name its section "
            "testing"
        )
    if not isinstance(rows, list):
        raise InputError(f"{path}: found {type(rows).__name__} as rows, expected a list of objects; correct it")
    if problems := [f"row {index}: {problem}" for index, row in enumerate(rows) if (problem := _problem(row))]:
        raise InputError.of_rows(str(path), problems)
    return [(_name(row, index), _absolute(row, path.parent)) for index, row in enumerate(rows)]


def _problem(row: Any) -> str | None:
    """What is wrong with a row, by its types alone."""
    if not isinstance(row, dict):
        return f"found {str(row)[:40]!r}, expected an object such as {{'image': 'a.nii.gz'}}; correct it"
    image, mask, place = row.get("image"), row.get("mask"), row.get("slice")
    files = image if isinstance(image, list) else [image]
    if not files or not all(file is None or _is_path(file) for file in files):
        return f"image: found {str(image)[:40]!r}, expected a path, or one for each modality; correct it"
    if not (mask is None or _is_path(mask)):
        return f"mask: found {str(mask)[:40]!r}, expected a path; correct it, or leave it out"
    if not (place is None or (isinstance(place, int) and not isinstance(place, bool))):
        return f"slice: found {str(place)[:40]!r}, expected an integer; correct it"
    return None


def _is_path(value: Any) -> bool:
    """Whether a value is text that names a file; an empty one would be the datalist's own folder."""
    return isinstance(value, str) and bool(value.strip())


def _name(row: dict[str, Any], index: int) -> str:
    parts = [str(row[key]) for key in ("subject", "session") if row.get(key) is not None]
    return "_".join(parts) or f"row {index}"


def _absolute(row: dict[str, Any], base: Path) -> dict[str, Any]:
    """The fields that inference uses, with absolute paths."""

    def absolute(value: Any) -> Any:
        """A path, or each of a list; other values as they are."""
        if isinstance(value, list):
            return [absolute(item) for item in value]
        return str((base / value).absolute()) if isinstance(value, str) else value

    kept = {key: absolute(row[key]) for key in ("image", "mask") if row.get(key) is not None}
    return kept | ({"slice": row["slice"]} if "slice" in row else {})


def _stem(path: Path) -> str:
    name = path.name
    return next(name[: -len(suffix)] for suffix in sorted(SUFFIXES, key=len)[::-1] if name.lower().endswith(suffix))


def _is_called(path: Path, name: str) -> bool:
    return re.search(rf"(^|[\W_]){re.escape(name)}$", _stem(path), re.IGNORECASE) is not None
