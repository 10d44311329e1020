"""Reading of images of all formats, for datalists, training, slices, radiomics, conversion and prediction."""

from __future__ import annotations

import hashlib
import os
import re
import warnings
import zlib
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from ..files import file_digest
from .companions import companions
from .dicom_headers import is_dicom
from .dicom_rules import Frame
from .dicom_series import check_dicom_series, read_dicom
from .nifti import NIFTI_SUFFIXES, read_nifti, read_nifti_header
from .pictures import PICTURE_SUFFIXES, read_picture
from .stored_image import StoredImage, UnreadableImageError
from .volume_files import read_array, read_with_itk

__all__ = ["image_digest", "read_image"]


def _name_kind(path: str | os.PathLike) -> str:
    """The suffix that decides how a file is read, in lower case, or "" if its content decides."""
    known = (".nii.gz", ".nii", ".npy", *PICTURE_SUFFIXES)
    return next((suffix for suffix in known if str(path).lower().endswith(suffix)), "")


def image_digest(path: str | os.PathLike) -> str:
    """Hash of all that decides the image: the bytes of its files or folder, and the suffix by which they are read."""
    digests = [file_digest(each) for each in (Path(path), *companions(path))]
    digest = digests[0] if len(digests) == 1 else hashlib.blake2b("".join(digests).encode()).hexdigest()
    return f"{digest}{_name_kind(path)}"


def read_image(
    path: str | os.PathLike | Sequence[Path], *, is_mask: bool = False, content: bool = True, frame: Frame | None = None
) -> StoredImage:
    """Read an image: the folder of a DICOM series, a DICOM file, NIfTI, a picture, or any file that SimpleITK reads.

    The suffix, in upper or lower case, decides how NIfTI files, pictures and arrays are read, the content decides for
    other files.

    Args:
        path: file or folder, or the DICOM files of one series.
        is_mask: whether to refuse images that cannot be masks: pictures with lossy compression.
        content: whether to read the voxels; otherwise only headers of NIfTI and DICOM are read, and voxels are 0.
        frame: frame to take of a film, if DICOM files are given, see :class:`~common.images.dicom_rules.DicomRule`.

    Raises:
        UnreadableImageError: the image is unusable, or has voxels that are NaN or infinite; the message states what
            was found and expected, in one line without the path.
        OSError: the file cannot be opened.
    """
    source = Path(path) if isinstance(path, str | os.PathLike) else path
    try:
        with warnings.catch_warnings(), np.errstate(all="ignore"):
            warnings.simplefilter("ignore")
            image = _read(source, is_mask, content) if isinstance(source, Path) else read_dicom(source, frame)
        _check_finite(image.voxels)
        return image
    except UnreadableImageError:
        raise
    except (FileNotFoundError, PermissionError):
        raise
    except MemoryError as error:
        raise UnreadableImageError("found an image too large for this machine's memory") from error
    except (EOFError, zlib.error) as error:
        text = f"found a truncated or damaged file ({' '.join(str(error).split())}), expected a complete image"
        raise UnreadableImageError(text) from error
    except Exception as error:  # readers and their C libraries raise many types
        raise UnreadableImageError(f"found an unreadable file ({_reason(error, source)}), expected an image") from error


def _read(path: Path, is_mask: bool, content: bool) -> StoredImage:
    name = path.name.lower()
    if path.is_dir():
        return read_dicom(path) if content else check_dicom_series(path)
    if not path.is_file():
        kind = "found no such file" if not path.exists() else "found no regular file"
        raise UnreadableImageError(f"{kind}, expected an image")
    if name.endswith(NIFTI_SUFFIXES):
        return read_nifti(path) if content else read_nifti_header(path)
    if name.endswith(PICTURE_SUFFIXES):
        return read_picture(path, is_mask)
    if name.endswith(".npy"):
        return read_array(path)
    if is_dicom(path):
        return read_dicom(path) if content else check_dicom_series(path)
    return read_with_itk(path)


def _check_finite(voxels: np.ndarray) -> None:
    if voxels.dtype.kind != "f":
        return
    finite = np.isfinite(voxels)
    if voxels.dtype.itemsize > 4:
        finite &= np.abs(voxels) <= np.finfo(np.float32).max  # training and networks have 32 bits
    if not finite.all():
        count = voxels.size - np.count_nonzero(finite)
        raise UnreadableImageError(
            f"found {count} voxels that are NaN or infinite, expected finite ones; set them to the background"
        )


def _reason(error: Exception, path: Path | Sequence[Path]) -> str:
    """The last line of a reader's error, shortened and without memory addresses."""
    lines = [line.strip(" .") for line in str(error).splitlines() if line.strip()]
    reason = lines[-1] if lines else type(error).__name__
    reason = reason.replace(str(path), path.name) if isinstance(path, Path) else reason
    return re.sub(r"\(0x[0-9a-f]+\)", "", reason)[:160]
