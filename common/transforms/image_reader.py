"""The project's reader of images for MONAI's ``LoadImage``."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from monai.config import PathLike
from monai.data import ImageReader
from monai.utils import MetaKeys, SpaceKeys, ensure_tuple

from ..errors import InputError
from ..images.read import read_image
from ..images.stored_image import StoredImage, UnreadableImageError

__all__ = ["CheckedReader"]


class CheckedReader(ImageReader):
    """Reader for MONAI's transforms by :func:`~common.images.read.read_image`, so that training uses the checked image.

    MONAI's own readers are chosen by suffix and do not check the file: they take DICOM frames in the order of the file,
    one slice's rescaling for all, indices of a palette. A list of files becomes the channels of one image.

    Example:
        >>> load = LoadImaged(["image", "mask"], reader=CheckedReader(), ensure_channel_first=True)
    """

    def verify_suffix(self, filename: Sequence[PathLike] | PathLike) -> bool:
        """Always true: the format is determined by reading the file."""
        return True

    def read(self, data: Sequence[PathLike] | PathLike, **kwargs: Any) -> tuple[PathLike, ...]:
        """The paths; files are read by :meth:`get_data`, as ``LoadImage`` hides errors that are raised here."""
        return ensure_tuple(data)

    def get_data(self, img: Sequence[PathLike]) -> tuple[np.ndarray, dict[str, Any]]:
        """The array and its metadata for MONAI.

        Args:
            img: path, or several paths of single-channel images on the same grid.

        Raises:
            InputError: a file cannot be used; several files differ in shape or have channels.
        """
        images = [_read(path) for path in img]
        first = images[0]
        if len(images) == 1:
            voxels, channel_dim = first.voxels, -1 if first.voxels.ndim > first.spatial_dims else float("nan")
        else:
            for path, image in zip(img, images, strict=True):
                if image.voxels.shape != first.spatial_shape:
                    raise InputError(
                        f"{path}: found shape {image.voxels.shape}, expected one channel of shape "
                        f"{first.spatial_shape} as the first file; resample it onto the same grid"
                    )
            voxels, channel_dim = np.stack([image.voxels for image in images]), 0
        meta: dict[str, Any] = {
            MetaKeys.SPATIAL_SHAPE: np.asarray(first.spatial_shape),
            MetaKeys.ORIGINAL_CHANNEL_DIM: channel_dim,
        }
        if first.affine is not None:
            affine = first.affine
            meta |= {MetaKeys.AFFINE: affine, MetaKeys.ORIGINAL_AFFINE: affine.copy(), MetaKeys.SPACE: SpaceKeys.RAS}
        return voxels if voxels.flags.writeable else voxels.copy(order="K"), meta


def _read(path: PathLike) -> StoredImage:
    try:
        return read_image(Path(path))
    except UnreadableImageError as error:
        raise InputError(f"{path}: {error.advice}") from error
