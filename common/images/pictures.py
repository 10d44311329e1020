"""PNG, JPEG, BMP and TIFF: pictures with two axes and no position in a patient."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from .stored_image import StoredImage, UnreadableImageError, grey_of_colours

__all__ = ["PICTURE_SUFFIXES", "read_picture"]

PICTURE_SUFFIXES = (".png", ".jpg", ".jpeg", ".bmp", ".tif", ".tiff")
LOSSY = ("JPEG", "MPO")  # names of Pillow
GREY_MODES = ("1", "L", "LA", "I", "I;16", "I;16B", "I;16L", "F")


def read_picture(path: Path, is_mask: bool = False) -> StoredImage:
    """Read the grey values of a picture, upright.

    A palette and the EXIF orientation are applied; red, green and blue that are equal everywhere become one channel,
    and opacity is dropped.

    Args:
        path: picture file.
        is_mask: whether to refuse lossy compression, which blurs labels.

    Raises:
        UnreadableImageError: the picture is in colour, has several pages, or is a mask with lossy compression.
    """
    from PIL import Image, ImageOps

    with Image.open(path) as stored:
        if (pages := getattr(stored, "n_frames", 1)) > 1:
            raise UnreadableImageError(f"found {pages} pages, expected one picture; save each as a file")
        if is_mask and stored.format in LOSSY:
            raise UnreadableImageError("found a mask in JPEG, which changes labels; expected PNG; export it again")
        picture = ImageOps.exif_transpose(stored)
        if picture.mode in GREY_MODES:
            pixels = np.asarray(picture.getchannel(0) if picture.mode == "LA" else picture)
            pixels = pixels.astype(np.uint8) if pixels.dtype == bool else pixels
        else:
            pixels = grey_of_colours(np.asarray(picture.convert("RGB")))
    return StoredImage(pixels.T, 2, None)
