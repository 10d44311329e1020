"""Reading one image and its mask: NIfTI, NRRD, PNG and what else ITK reads, DICOM series and segmentations."""

from __future__ import annotations

import zlib
from pathlib import Path

import nibabel
import numpy as np
import SimpleITK as sitk

from ..errors import InputError
from .dicom_segmentation import is_segmentation, read_segmentation, read_series

__all__ = ["as_plane", "read_mask", "read_volume"]


def read_volume(path: str | Path, channel: int | None = None) -> sitk.Image:
    """Read a scalar volume or plane; of a file with several channels (4D, or a vector per voxel) the one asked for.

    Args:
        path: NIfTI, NRRD, PNG or any file that ITK reads, or the folder of a DICOM series.
        channel: index of the modality where the file may hold several; ``None``: it must hold one.

    Raises:
        InputError: no such file, unreadable or truncated, in colour, not 2D or 3D, or not the channel asked for.
    """
    path = Path(path)
    if not path.exists():
        raise InputError(f"{path}: no such file; mend the path in the datalist")
    try:
        if path.is_dir():
            volume = read_series(path)
        else:
            _read_to_the_end(path)
            volume = sitk.ReadImage(str(path))
    except (RuntimeError, OSError, EOFError, zlib.error, nibabel.filebasedimages.ImageFileError) as error:
        reason = str(error).strip().splitlines()[-1]
        raise InputError(f"{path}: cannot be read ({reason}); truncated or not an image; copy it again") from error
    volume = _one_channel(volume, channel, path)
    if volume.GetDimension() not in (2, 3):
        raise InputError(f"{path}: {volume.GetDimension()} dimensions; expected a volume or a plane")
    return volume


def read_mask(path: str | Path, image: sitk.Image, label: int | None = None) -> sitk.Image:
    """Read a label map; a DICOM segmentation is put on the grid of ``image``.

    Args:
        path: as of :func:`read_volume`, or a file of DICOM-SEG, whose labels are its segment numbers.
        image: the image it belongs to.
        label: the only one wanted, where segments may overlap; by default all.

    Raises:
        InputError: as :func:`read_volume`, or a segmentation of another grid.
    """
    if is_segmentation(path):
        return read_segmentation(path, image, label)
    return read_volume(path)


def as_plane(volume: sitk.Image) -> sitk.Image:
    """A volume of one slice as what it is: 2D. PyRadiomics drops LoG for it, and its wavelets go along z too."""
    if volume.GetDimension() == 2 or volume.GetSize()[2] > 1:
        return volume
    plane = sitk.GetImageFromArray(sitk.GetArrayViewFromImage(volume)[0])
    plane.SetSpacing(volume.GetSpacing()[:2])
    return plane


def _one_channel(volume: sitk.Image, channel: int | None, path: Path) -> sitk.Image:
    vector, dimension = volume.GetNumberOfComponentsPerPixel(), volume.GetDimension()
    if vector in (3, 4) and dimension == 2:
        return _grey(volume, path)
    channels = volume.GetSize()[3] if dimension == 4 else vector
    if channel is None and channels > 1:
        raise InputError(f"{path}: {channels} channels; expected one")
    channel = channel or 0
    if channel >= channels:
        raise InputError(f"{path}: {channels} channel{'s'[: channels != 1]}; expected one with index {channel}")
    if dimension == 4:
        return sitk.Extract(volume, [*volume.GetSize()[:3], 0], [0, 0, 0, channel])
    return sitk.VectorIndexSelectionCast(volume, channel) if vector > 1 else volume


def _grey(picture: sitk.Image, path: Path) -> sitk.Image:
    """A grey picture that was saved with three equal colours and perhaps full opacity; any other has no one value."""
    colours = sitk.GetArrayViewFromImage(picture)[..., :3]
    if (colours != colours[..., :1]).any():
        raise InputError(f"{path}: in colour; expected one grey value per pixel; convert it to greyscale")
    return sitk.VectorIndexSelectionCast(picture, 0)


def _read_to_the_end(path: Path) -> None:
    """ITK reads a truncated NIfTI as zeros without an error; nibabel notices.

    A gzip file says at its end how many bytes it holds: where that is what the header asks for, the file is whole and
    need not be unpacked twice.
    """
    if not path.name.endswith((".nii", ".nii.gz")):
        return
    image = nibabel.load(path)
    voxels = int(np.prod(image.shape, dtype=np.int64))
    expected = int(image.dataobj.offset) + voxels * image.get_data_dtype().itemsize
    if path.suffix == ".gz":
        with path.open("rb") as file:
            file.seek(-4, 2)
            held = int.from_bytes(file.read(4), "little")
        whole = held == expected % 2**32
    else:
        whole = path.stat().st_size >= expected
    if not whole:
        np.asanyarray(image.dataobj)
