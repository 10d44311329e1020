"""The subjects that a method is most wrong about, with pictures of their images."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from ....errors import one_line, root_cause
from ....images.read import read_image
from ....images.stored_image import UnreadableImageError
from ....images.thumbnail import thumbnail
from ...predictions import Outcome
from .pictures import Pictures, stamp
from .study_files import StudyFiles

__all__ = ["HIDDEN", "Case", "draw_cases", "short_name", "worst_cases"]

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Case:
    """A subject and how it was judged.

    Attributes:
        subject: name.
        true: index of its class.
        predicted: index of the most probable class.
        probability: probability of the true class, mean over seeds.
        fold: its held-out fold.
        row: index of its image in the datalist's section ``training``, ``None`` if unknown.
        files: names of its images and mask, relative to the datalist's folder.
        stamps: what changes when one of these files is written anew.
        picture: image with the outline of the mask, ``[rows, columns, 3]`` bytes.
        heat: input of the network with the heat map of the predicted class.
        facts: further columns of its row, such as age and centre.
    """

    subject: str
    true: int
    predicted: int
    probability: float
    fold: int
    row: int | None = None
    files: tuple[str, ...] = ()
    stamps: tuple[Any, ...] = ()
    picture: np.ndarray | None = None
    heat: np.ndarray | None = None
    facts: Mapping[str, Any] | None = None


def worst_cases(outcome: Outcome, number: int = 10) -> list[Case]:
    """The subjects with the smallest probability of their true class, mean over seeds."""
    probabilities = outcome.probabilities.mean(0)
    of_true = probabilities[np.arange(len(outcome.labels)), outcome.labels]
    return [
        Case(
            outcome.subjects[i],
            int(outcome.labels[i]),
            int(probabilities[i].argmax()),
            float(of_true[i]),
            int(outcome.folds[0, i]),
        )
        for i in np.argsort(of_true, kind="stable")[:number]
    ]


def draw_cases(
    cases: Sequence[Case],
    study: StudyFiles,
    outcome: Outcome,
    networks: Mapping[int, Path],
    pictures: Pictures,
    *,
    side: int = 256,
    seconds: float = 120.0,
) -> tuple[list[Case], str]:
    """Add files, pictures and heat maps to cases.

    Args:
        cases: result of :func:`worst_cases`.
        study: files of the study, with its datalist.
        outcome: predictions of the method.
        networks: weights of the network for the heat maps, by fold.
        pictures: pictures that were made before, which new ones are added to.
        side: longest side of the pictures in pixels.
        seconds: time limit of the heat maps.

    Returns:
        The cases, and the reason why heat maps are missing, empty if none is.
    """
    training = [row for row in study.rows if row["section"] == "training"]
    if not training or study.datalist is None:
        return list(cases), "the datalist of the comparison is unknown; name it with --datalist"
    drawn = [_with_picture(case, study, training, outcome, pictures, side) for case in cases]
    heat, reason = _heat(drawn, study, networks, pictures, side, seconds)
    return [replace(case, heat=heat.get(case.row)) if case.row is not None else case for case in drawn], reason


def _with_picture(
    case: Case,
    study: StudyFiles,
    training: Sequence[Mapping[str, Any]],
    outcome: Outcome,
    pictures: Pictures,
    side: int,
) -> Case:
    place = _image_of(case, study.predictions, outcome, training)
    if place is None or study.datalist is None:
        return case
    row = training[place]
    images = [path for path in (row["image"] if isinstance(row["image"], list) else [row["image"]]) if path]
    mask = row["mask"] if isinstance(row.get("mask"), str) else None
    paths = [*images, *([mask] if mask else [])]
    files = tuple(short_name(path, study.datalist.parent) for path in paths)
    stamps = tuple(stamp(path) for path in paths)
    facts = {key: value for key, value in row.items() if isinstance(value, str | int | float) and key not in HIDDEN}
    case = replace(case, row=place, files=files, stamps=stamps, facts=facts)
    title, key = f"image of {case.subject}", [side, *stamp(images[0]), *(stamp(mask) if mask else ())]
    if (known := pictures.find(title, key)) is not None:
        return replace(case, picture=known)
    try:
        picture = thumbnail(read_image(images[0]), read_image(mask, is_mask=True) if mask else None, side=side)
    except (OSError, UnreadableImageError) as error:
        logger.warning(f"{images[0]}: no picture: {one_line(error)}")
        return case
    pictures.keep(title, key, picture)
    return replace(case, picture=picture)


def short_name(path: str, base: Path) -> str:
    """A path relative to the datalist's folder; of files elsewhere the last folder and the name."""
    name = os.path.relpath(path, base)
    return os.path.join(*Path(path).parts[-2:]) if name.startswith(os.pardir) else name


HIDDEN = frozenset(("image", "mask", "label", "subject", "fold", "section", "row"))


def _image_of(
    case: Case, predictions: pd.DataFrame, outcome: Outcome, training: Sequence[Mapping[str, Any]]
) -> int | None:
    """Index of the subject's image with the smallest probability of its class."""
    rows = predictions[(predictions["set"] == outcome.name) & (predictions["subject"] == case.subject)]
    if "row" in rows and rows["row"].notna().any():
        rows = rows.dropna(subset="row").sort_values(f"probability_{case.true}")
        place = int(rows["row"].iloc[0])
        if place < len(training) and training[place]["subject"] == case.subject:
            return place
    return next((i for i, row in enumerate(training) if row["subject"] == case.subject), None)


def _heat(
    cases: Sequence[Case],
    study: StudyFiles,
    networks: Mapping[int, Path],
    pictures: Pictures,
    side: int,
    seconds: float,
) -> tuple[dict[int, np.ndarray], str]:
    """Heat maps by row of the datalist, and the reason why there are none or not all."""
    if not networks:
        return {}, "no method has a fine-tuned network, or their weights are gone"
    found: dict[int, np.ndarray] = {}
    shown = [case for case in cases if case.row is not None]
    without = sorted({case.fold for case in shown} - networks.keys())
    reasons = [f"there are no weights of fold {', '.join(map(str, without))}"] if without else []
    by_fold = {fold: [case for case in shown if case.fold == fold] for fold in networks}
    by_fold = {fold: members for fold, members in by_fold.items() if members}
    try:
        for fold, members in by_fold.items():
            found |= dict(_of_fold(networks[fold], study.datalist, members, pictures, side, seconds / len(by_fold)))
        if sum(map(len, by_fold.values())) > len(found):
            reasons.append("they would have taken too long on this machine")
    except Exception as error:  # MONAI wraps what goes wrong in a config, and a page without them is still of use
        reasons.append(one_line(root_cause(error)))
        logger.warning(f"no heat maps: {reasons[-1]}")
    return found, "; ".join(reasons)


def _of_fold(
    checkpoint: Path, datalist: Path | None, cases: Sequence[Case], pictures: Pictures, side: int, seconds: float
) -> Iterator[tuple[int, np.ndarray]]:
    """Heat maps that are kept, and those that are lacking, which are kept then."""
    if datalist is None:
        return
    by_row = {case.row: case for case in cases if case.row is not None}
    keys = {
        row: (f"heat of {case.subject}", [side, row, case.predicted, *stamp(checkpoint), *case.stamps])
        for row, case in by_row.items()
    }
    for row, key in keys.items():
        if (known := pictures.find(*key)) is not None:
            del by_row[row]
            yield row, known
    if not by_row:
        return
    from .heat_maps import heat_maps  # imports the networks

    wanted = {row: case.predicted for row, case in by_row.items()}
    for row, picture in heat_maps(checkpoint, datalist, wanted, side=side, seconds=seconds):
        pictures.keep(*keys[row], picture)
        yield row, picture
