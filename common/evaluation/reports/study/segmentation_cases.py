"""The subjects that a method segments worst, with the outlines of reference and prediction."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from ....errors import InputError, one_line
from ....feature_table import read_table
from ....images.read import read_image
from ....images.stored_image import StoredImage, UnreadableImageError
from ....images.thumbnail import thumbnail
from .pictures import Pictures, stamp
from .worst_cases import HIDDEN, short_name

__all__ = ["PREDICTED", "REFERENCE", "SegmentedCase", "held_out_images", "worst_segmentations"]

REFERENCE, PREDICTED = (255, 176, 0), (86, 180, 233)  # orange and blue, which the colour-blind distinguish too
logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class SegmentedCase:
    """An image and how well it was segmented.

    Attributes:
        subject: name.
        metrics: its metrics by name, the one that decides first.
        fold: its held-out fold, ``None`` if unknown.
        files: names of images and label map, relative to the datalist's folder.
        facts: further columns of its row.
        reference: image with the outlines of the label map, ``[rows, columns, 3]`` bytes.
        predicted: the same plane with the outlines of the prediction; ``None`` where none was kept.
    """

    subject: str
    metrics: Mapping[str, float]
    fold: int | None = None
    files: tuple[str, ...] = ()
    facts: Mapping[str, Any] | None = None
    reference: np.ndarray | None = None
    predicted: np.ndarray | None = None


def held_out_images(compare: Path, own: pd.DataFrame, metric: str) -> dict[str, dict[str, Any]]:
    """The worst image of each subject in the tables of a method's folds.

    The folders of a comparison do not name its rows: the method's are those whose tables have its values.

    Args:
        compare: output folder of the comparison.
        own: metrics of the method with the subjects as index.
        metric: metric that decides.

    Returns:
        By subject, ``fold``, ``session`` if there are several, and ``masks``, the folder of the predictions.
    """
    found: dict[str, dict[str, Any]] = {}
    for path in sorted(compare.glob("*/fold*/evaluate/lesions.csv")):
        try:
            table = read_table(path, ("subject", "session"))
        except InputError:
            continue
        if metric not in table or "subject" not in table:
            continue
        table = table.astype({"subject": str})
        means = table.groupby("subject")[metric].mean()
        expected = own[metric].reindex(means.index)
        if not np.allclose(means.to_numpy(dtype=float), expected.to_numpy(dtype=float), atol=1e-9, equal_nan=True):
            continue
        for subject, images in table.groupby("subject"):
            row = images.sort_values(metric, kind="stable").iloc[0]
            entry = {key: row[key] for key in ("fold", "session") if key in row and not pd.isna(row[key])}
            found.setdefault(str(subject), {**entry, "masks": path.parent / "masks"})
    return found


def worst_segmentations(
    own: pd.DataFrame,
    metric: str,
    images: Mapping[str, Mapping[str, Any]],
    rows: Sequence[Mapping[str, Any]],
    base: Path,
    pictures: Pictures,
    number: int = 10,
) -> Iterator[SegmentedCase]:
    """The subjects with the smallest value of a metric, and their worst image where they have several.

    Args:
        own: metrics of the method with the subjects as index.
        metric: metric that decides.
        images: result of :func:`held_out_images`.
        rows: rows of the datalist with absolute paths of the images.
        base: folder of the datalist.
        pictures: pictures that were made before, which new ones are added to.
        number: number of subjects at most.
    """
    for subject, values in own.sort_values(metric, kind="stable").head(number).iterrows():
        image = images.get(str(subject), {})
        fold = int(image["fold"]) if "fold" in image else None
        case = SegmentedCase(str(subject), {str(name): float(value) for name, value in values.items()}, fold)
        row = _row_of(str(subject), image.get("session"), rows)
        yield case if row is None else _with_pictures(case, row, image, base, pictures)


def _row_of(subject: str, session: Any, rows: Sequence[Mapping[str, Any]]) -> Mapping[str, Any] | None:
    of_subject = [row for row in rows if row["subject"] == subject]
    same = [row for row in of_subject if session is not None and str(row.get("session")) == str(session)]
    return next(iter(same or of_subject), None)


def _with_pictures(
    case: SegmentedCase, row: Mapping[str, Any], image: Mapping[str, Any], base: Path, pictures: Pictures
) -> SegmentedCase:
    files = [path for path in (row["image"] if isinstance(row["image"], list) else [row["image"]]) if path]
    label = row["label"] if isinstance(row.get("label"), str) else row.get("mask")
    truth = str(base / label) if isinstance(label, str) else None
    names = tuple(short_name(path, base) for path in [*files, *([truth] if truth else [])])
    facts = {key: value for key, value in row.items() if isinstance(value, str | int | float) and key not in HIDDEN}
    case = replace(case, files=names, facts=facts)
    predicted = None
    if "masks" in image:
        parts = [case.subject, *([image["session"]] if "session" in image else [])]
        path = image["masks"] / ("_".join(Path(str(part)).name for part in parts) + "_lesions.nii.gz")
        predicted = path if path.is_file() else None
    key = [stamp(path) for path in (files[0], *([truth] if truth else []), *([predicted] if predicted else []))]
    titles = [f"reference of {case.subject}", *([f"prediction of {case.subject}"] if predicted else [])]
    known = [pictures.find(title, key) for title in titles]
    if any(picture is None for picture in known):
        try:
            known = list(_drawn(files[0], truth, predicted))
        except (OSError, UnreadableImageError, InputError) as error:
            logger.warning(f"{files[0]}: no picture: {one_line(error)}")
            return case
        for title, picture in zip(titles, known, strict=True):
            pictures.keep(title, key, picture)  # type: ignore[arg-type]
    return replace(case, reference=known[0], predicted=known[1] if len(known) > 1 else None)


def _drawn(path: str, label: str | None, prediction: Path | None) -> Iterator[np.ndarray]:
    """The plane where reference and prediction differ most, with the outlines of the one and then of the other."""
    image, truth = read_image(path), read_image(label, is_mask=True) if label else None
    predicted = read_image(prediction, is_mask=True) if prediction else None
    shown = _difference(truth, predicted)
    yield thumbnail(image, truth, shown=shown, each_label=True, colour=REFERENCE)
    if predicted is not None:
        yield thumbnail(image, predicted, shown=shown, each_label=True, colour=PREDICTED)


def _difference(truth: StoredImage | None, predicted: StoredImage | None) -> StoredImage | None:
    """Where two label maps differ; the first one where they have no common grid or are equal."""
    if truth is None or predicted is None or truth.voxels.shape != predicted.voxels.shape:
        return truth
    if truth.affine is not None and predicted.affine is not None and not np.allclose(truth.affine, predicted.affine):
        return truth
    differing = truth.voxels != predicted.voxels
    return replace(truth, voxels=differing.astype(np.uint8)) if differing.any() else truth
