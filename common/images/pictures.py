"""PNG, JPEG, BMP and TIFF: pictures of two axes without a place in a patient."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from .stored_image import StoredImage, UnreadableImageError, grey_of_colours

__all__ = ["PICTURE_SUFFIXES", "read_picture"]

PICTURE_SUFFIXES = (".png", ".jpg", ".jpeg", ".bmp", ".tif", ".tiff")
LOSSY = ("JPEG", "MPO")  # as Pillow names them
GREY_MODES = ("1", "L", "LA", "I", "I;16", "I;16B", "I;16L", "F")


def read_picture(path: Path, is_mask: bool = False) -> StoredImage:
    """Read the grey values of a picture, upright.

    A palette is applied, EXIF's orientation too; of red, green and blue that are equal everywhere one is kept, and
    opacity is dropped.

    Args:
        path: the file.
        is_mask: refuse lossy compression, which blurs labels.

    Raises:
        UnreadableImageError: the picture is in colour, holds several pages, or is a lossy mask.
    """
    from PIL import Image, ImageOps

    with Image.open(path) as stored:
        if getattr(stored, "n_frames", 1) > 1:
            raise UnreadableImageError(f"found {stored.n_frames} pages, expected one picture; save each as a file")
        if is_mask and stored.format in LOSSY:
            raise UnreadableImageError("found a mask in JPEG, which changes labels; expected PNG; export it anew")
        picture = ImageOps.exif_transpose(stored)
        if picture.mode in GREY_MODES:
            pixels = np.asarray(picture.getchannel(0) if picture.mode == "LA" else picture)
            pixels = pixels.astype(np.uint8) if pixels.dtype == bool else pixels
        else:
            pixels = grey_of_colours(np.asarray(picture.convert("RGB")))
    return StoredImage(pixels.T, 2, None)
