"""What a check needs to know of one image file: its geometry and a summary of its voxels."""

from __future__ import annotations

import gzip
import re
import warnings
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from .dicom_series import check_dicom_series

__all__ = ["ImageFacts", "UnreadableImageError", "read_image_facts"]

# A label map with more values than this is an image given as mask by mistake; counting them all would be slow.
MAX_MASK_VALUES = 256


class UnreadableImageError(ValueError):
    """A file cannot be used as image; the message says what was found and expected, without the file's name."""


@dataclass(frozen=True)
class ImageFacts:
    """Facts of one file, of plain types so that they can be remembered as JSON.

    Attributes:
        stored_shape: axes as the file holds them, channels last (NIfTI) or as the reader gives them.
        spatial_shape: axes in space.
        channels: number of channels, 1 for a plain image.
        affine: voxel indices to RAS millimetres, rows of a 4x4 (3x3 in 2D) matrix; ``None`` where unknown (PNG).
        nonfinite: voxels that are NaN or infinite; ``None`` when voxels were not read, as are the next two.
        constant_channels: channels that hold one value only.
        values: of a mask, how many voxels have each value; ``None`` for images and for masks with very many values.
    """

    stored_shape: tuple[int, ...]
    spatial_shape: tuple[int, ...]
    channels: int
    affine: tuple[tuple[float, ...], ...] | None
    nonfinite: int | None = None
    constant_channels: tuple[int, ...] = ()
    values: tuple[tuple[float, int], ...] | None = None

    @classmethod
    def from_json(cls, content: dict[str, Any]) -> ImageFacts:
        """The inverse of ``dataclasses.asdict`` after a way through JSON."""

        def frozen(value: Any) -> Any:
            return tuple(frozen(item) for item in value) if isinstance(value, list) else value

        return cls(**{key: frozen(value) for key, value in content.items()})


def read_image_facts(path: str, *, is_mask: bool = False, content: bool = True) -> ImageFacts:
    """Read the facts of a NIfTI file, of any other file that MONAI's ``LoadImage`` reads, or of a DICOM folder.

    Args:
        path: file, or folder with one DICOM series.
        is_mask: count the values.
        content: read the voxels too; otherwise, for NIfTI, only the header.

    Raises:
        UnreadableImageError: when training could not load the file either, or would load it wrongly.
    """
    reader = _nifti_facts if path.endswith((".nii", ".nii.gz")) else _loaded_facts
    try:
        with warnings.catch_warnings(), np.errstate(all="ignore"):
            warnings.simplefilter("ignore")
            return reader(path, is_mask, content)
    except UnreadableImageError:
        raise
    except MemoryError as error:
        raise UnreadableImageError("found an image too large for this machine's memory") from error
    except EOFError as error:
        raise UnreadableImageError("found a truncated file, expected a complete image") from error
    except Exception as error:  # readers raise whatever their C libraries do
        raise UnreadableImageError(f"found an unreadable file ({_reason(error, path)}), expected an image") from error


def _reason(error: Exception, path: str) -> str:
    """The telling line of a reader's error, short and without addresses in memory."""
    if type(error).__name__ == "TemplateTypeError":  # ITK's names of its own templates tell a user nothing
        return "ITK has no reader for its voxel type or number of axes"
    lines = [line.strip(" .") for line in str(error).splitlines() if line.strip()]
    reason = (lines[-1] if lines else type(error).__name__).replace(path, Path(path).name)
    return re.sub(r"\(0x[0-9a-f]+\)", "", reason)[:160]


@cache
def _loader() -> Any:
    from monai.transforms import LoadImage

    return LoadImage(image_only=True, ensure_channel_first=True)


def _nifti_facts(path: str, is_mask: bool, content: bool) -> ImageFacts:
    import nibabel

    image = nibabel.load(path)
    if not isinstance(image, nibabel.Nifti1Pair):  # CIFTI has the suffix too
        raise UnreadableImageError(f"found a {type(image).__name__}, expected a NIfTI volume")
    shape = tuple(int(size) for size in image.shape)
    kind = image.get_data_dtype().kind
    if kind not in "biuf":
        raise UnreadableImageError(f"found voxels of type {image.get_data_dtype()}, expected integers or floats")
    if len(shape) not in (2, 3, 4) or 0 in shape:
        raise UnreadableImageError(f"found {len(shape)} axes {shape}, expected 2 or 3 in space and one of channels")
    affine = np.asarray(image.affine, dtype=float)
    if not np.isfinite(affine).all() or abs(np.linalg.det(affine[:3, :3])) < 1e-12:
        raise UnreadableImageError("found a header whose affine has no inverse, expected voxel sizes and orientation")
    facts = {
        "stored_shape": shape,
        "spatial_shape": shape[:3],
        "channels": shape[3] if len(shape) == 4 else 1,
        "affine": tuple(tuple(float(value) for value in row) for row in affine),
    }
    if not content:
        return ImageFacts(**facts)
    voxels = _nifti_voxels(image, path)
    return ImageFacts(**facts, **_summary(voxels.reshape(*shape[:3], -1), is_mask))


def _nifti_voxels(image: Any, path: str) -> np.ndarray:
    """All voxels; a gzip file is read to its end, so that its checksum is compared too."""
    if not path.endswith(".gz"):
        return np.asanyarray(image.dataobj)
    try:
        return np.asanyarray(type(image).from_bytes(gzip.decompress(Path(path).read_bytes())).dataobj)
    except EOFError as error:
        raise UnreadableImageError("found a truncated .nii.gz, expected a complete file") from error


def _loaded_facts(path: str, is_mask: bool, content: bool) -> ImageFacts:
    is_folder, num_slices = Path(path).is_dir(), 1
    if is_folder:
        try:
            num_slices = check_dicom_series(path)
        except ValueError as error:
            raise UnreadableImageError(str(error)) from error
    image = _loader()(path)
    if num_slices > 1 and image.shape[-1] != num_slices:  # ITK leaves out files whose pixels it can't read
        text = f"found {num_slices} slices of which the reader takes {image.shape[-1]}, expected all of them"
        raise UnreadableImageError(text)
    has_geometry = is_folder or not path.lower().endswith((".png", ".jpg", ".jpeg", ".bmp", ".npy", ".npz"))
    shape = tuple(int(size) for size in image.shape)
    facts = {
        "stored_shape": shape,
        "spatial_shape": shape[1:],
        "channels": shape[0],
        "affine": tuple(tuple(float(v) for v in row) for row in image.affine.tolist()) if has_geometry else None,
    }
    return ImageFacts(**facts, **(_summary(np.moveaxis(image.numpy(), 0, -1), is_mask) if content else {}))


def _summary(voxels: np.ndarray, is_mask: bool) -> dict[str, Any]:
    """Facts of the voxels of a channel-last array."""
    nonfinite = 0
    if voxels.dtype.kind == "f":
        nonfinite = int(voxels.size - np.count_nonzero(np.isfinite(voxels)))
    low, high = (reduce(voxels, axis=tuple(range(voxels.ndim - 1))) for reduce in (np.min, np.max))
    values = None
    if is_mask and not nonfinite:
        unique, counts = np.unique(voxels, return_counts=True)
        if len(unique) <= MAX_MASK_VALUES:
            values = tuple((float(value), int(count)) for value, count in zip(unique, counts, strict=True))
    constant = tuple(int(channel) for channel in np.flatnonzero(low == high))
    return {"nonfinite": nonfinite, "constant_channels": constant, "values": values}
