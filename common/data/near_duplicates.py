"""Images of different subjects that show the same: frames and crops of one lesion, copies of a file."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from joblib import Parallel, cpu_count, delayed

from ..images.read import read_image
from ..images.stored_image import StoredImage, UnreadableImageError
from ..images.thumbnail import thumbnail

__all__ = ["MOST", "joined_subjects", "near_duplicates", "read_first", "small_picture"]

MOST = 2000  # images that are compared, the first ones of a datalist
SIDE, SMALL = 192, 32  # pixels of a picture, and of those that are compared
# On the 418 images of BUSI with a lesion, these find 76 of the 77 pairs that its table groups, and 6 others; none among
# 22 registered brains (OASIS), 120 hippocampi and 200 lung nodules.
ALIKE = 0.92  # correlation of small pictures of near-duplicates
AGREEING = 0.75  # share of neighbours that differ in the same direction
FEWEST = 8  # pictures whose mean is subtracted


def near_duplicates(pictures: np.ndarray) -> list[tuple[int, int]]:
    """Pairs of pictures that show the same, whatever their brightness and contrast.

    Their grey values, without the mean picture, are correlated, and so are the signs of the differences between
    neighbours (the "difference hash"). Without the mean, registered images of one organ do not look the same.

    Args:
        pictures: small grey pictures, ``[n, s, s]``.
    """
    grey = pictures.astype(np.float32)
    flat = grey.reshape(len(grey), -1)
    flat = (flat - flat.mean(1, keepdims=True)) / np.maximum(flat.std(1, keepdims=True), 1e-6)
    if len(flat) >= FEWEST:
        flat = flat - flat.mean(0)
        flat = flat - flat.mean(1, keepdims=True)
    flat /= np.maximum(np.linalg.norm(flat, axis=1, keepdims=True), 1e-6)
    signs = np.sign(np.diff(grey, axis=2)).reshape(len(grey), -1)
    agreeing = signs @ signs.T / np.maximum(np.abs(signs).sum(1), 1)  # -1 to 1
    found = np.argwhere(np.triu((agreeing > 2 * AGREEING - 1) & (flat @ flat.T > ALIKE), k=1))
    return [(int(i), int(j)) for i, j in found]


def joined_subjects(rows: Sequence[Mapping[str, Any]]) -> list[Any]:
    """The subject of each row, where subjects with near-duplicates, and those of their near-duplicates, are the first.

    Args:
        rows: rows with absolute paths; the first :data:`MOST` are compared, without images that cannot be read, which
            are reported where the datalist is checked.
    """
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    names = [str(row["subject"]) for row in rows]
    first = {name: place for place, name in reversed(list(enumerate(names)))}
    some = rows[:MOST]
    found = Parallel(min(cpu_count(), max(len(some), 1)), prefer="threads")(delayed(_picture)(row) for row in some)
    places = [place for place, picture in enumerate(found) if picture is not None]
    pictures = np.array([found[place] for place in places])
    pairs = [(places[i], places[j]) for i, j in (near_duplicates(pictures) if places else ())]
    pairs += [(first[name], place) for place, name in enumerate(names)]
    ends = np.array(pairs, dtype=int).reshape(-1, 2).T
    graph = coo_array((np.ones(len(pairs)), (ends[0], ends[1])), shape=(len(rows), len(rows)))
    groups = connected_components(graph, directed=False)[1].tolist()
    subjects = {group: row["subject"] for group, row in reversed(list(zip(groups, rows, strict=True)))}
    return [subjects[group] for group in groups]


def read_first(row: Mapping[str, Any]) -> tuple[StoredImage, StoredImage | None]:
    """The first image of a row, and its mask or label map if it has one.

    Args:
        row: row with absolute paths.
    """
    image = row["image"] if isinstance(row["image"], list) else [row["image"]]
    region = row.get("mask") or row.get("label")  # a path is a label map
    mask = read_image(region, is_mask=True) if isinstance(region, str) else None
    return read_image(next(path for path in image if path)), mask


def small_picture(image: StoredImage, mask: StoredImage | None) -> np.ndarray:
    """An image as :func:`near_duplicates` compares it: of a volume the plane with most of the mask.

    Args:
        image: volume or picture.
        mask: mask on its grid, or none.
    """
    from PIL import Image

    plain = thumbnail(image, mask, side=SIDE, outline=False)
    return np.asarray(Image.fromarray(plain[..., 0]).resize((SMALL, SMALL), Image.Resampling.BOX))


def _picture(row: Mapping[str, Any]) -> np.ndarray | None:
    try:
        return small_picture(*read_first(row))
    except (UnreadableImageError, OSError):
        return None
