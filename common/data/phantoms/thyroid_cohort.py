"""A cohort of ultrasound phantoms of thyroid nodules in the layout of TN-SCUI2020."""

from __future__ import annotations

import io
import logging
import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from joblib import Parallel, cpu_count, delayed
from PIL import Image
from tqdm import tqdm

from ...errors import InputError
from ...files import write_atomically
from ..cohorts.tn_scui import TN_SCUI_TABLE, tn_scui_datalist
from ..folds import assign_folds
from .cohort import PhantomCase, begin_cohort, plan_labels
from .thyroid_us import thyroid_us, ultrasound_of

__all__ = ["make_thyroid_phantoms"]

logger = logging.getLogger(__name__)

MACHINES = ("A", "B", "C")


def make_thyroid_phantoms(
    output_dir: str | os.PathLike,
    num_subjects: int = 60,
    sizes: Sequence[int] = (200, 320),
    class_counts: Sequence[int] = (1, 1),
    separation: float = 3.0,
    seed: int = 0,
    num_folds: int = 5,
    num_workers: int | None = None,
) -> Path:
    """Make ultrasound images of the neck with a benign (label 0) or malignant (label 1) thyroid nodule.

    Malignant nodules are darker, taller than wide, of irregular margin, solid, with punctate calcifications and a
    shadow; the classes overlap. The files lie as those of TN-SCUI2020: ``image/<ID>.PNG`` and ``mask/<ID>.PNG`` (0 and
    255), 8-bit grey, and ``train.csv`` with ``ID,CATE``; :func:`~common.data.tn_scui_datalist` reads both. Matrix sizes
    differ from subject to subject, the field of view is 45 mm wide, and three machines differ in contrast and
    resolution. As in the challenge, the files tell no pixel size.

    Runs can be interrupted and repeated as those of
    :func:`~common.data.phantoms.brain_cohort.make_brain_phantoms`.

    Args:
        output_dir: the cohort's folder.
        num_subjects: size of the cohort.
        sizes: least and greatest number of pixels from left to right; there are fewer in depth.
        class_counts: proportions of benign and malignant nodules.
        separation: distance of the classes in standard deviations of the hidden malignancy; at 0 there is nothing to
            learn.
        seed: of the whole cohort.
        num_folds: subject-wise stratified folds.
        num_workers: threads; default: one per core.

    Returns:
        The path of ``datalist.json``.

    Raises:
        InputError: when an argument makes no sense, there are too few subjects of a class for the folds, or the
            folder holds another cohort.
    """
    pair = isinstance(sizes, Sequence) and len(sizes) == 2 and all(isinstance(size, int) for size in sizes)
    if not pair or not 64 <= sizes[0] <= sizes[1]:
        raise InputError(f"sizes: found {sizes!r}, expected two integers from 64, the first not above the second")
    cases = _cases(num_subjects, class_counts, seed)
    # Where the datalist could not be made, before anything is drawn.
    assign_folds([{"subject": case.folder, "label": case.label} for case in cases], num_folds, seed)
    arguments = {
        "generator": "thyroid",
        "num_subjects": num_subjects,
        "sizes": list(sizes),
        "class_counts": list(class_counts),
        "separation": float(separation),
        "seed": seed,
        "num_folds": num_folds,
    }
    output_dir = begin_cohort(output_dir, arguments)

    def draw(case: PhantomCase) -> None:
        rng = np.random.default_rng(case.seed)
        width = int(rng.integers(sizes[0], sizes[1] + 1))
        shape = (round(width * rng.uniform(0.72, 0.85)), width)
        image, mask = thyroid_us(shape, case.label == 1, separation, ultrasound_of(case.centre, seed), rng)
        # The image comes last: where it is, the mask is.
        write_atomically(output_dir / "mask" / f"{case.folder}.PNG", _png(255 * mask))
        write_atomically(output_dir / "image" / f"{case.folder}.PNG", _png(image))

    missing = [case for case in cases if not (output_dir / "image" / f"{case.folder}.PNG").is_file()]
    jobs = Parallel(num_workers or cpu_count(), prefer="threads", return_as="generator_unordered")(
        delayed(draw)(case) for case in missing
    )
    for _ in tqdm(jobs, total=len(missing), desc="drawing phantoms", unit="subject", disable=not missing):
        pass
    datalist = output_dir / "datalist.json"
    if not missing and datalist.is_file():
        logger.info("%s: all %d phantoms are there already; nothing to do", output_dir, len(cases))
        return datalist
    lines = ["ID,CATE", *(f"{case.folder}.PNG,{case.label}" for case in cases)]
    write_atomically(output_dir / TN_SCUI_TABLE, "\n".join(lines) + "\n")
    return tn_scui_datalist(output_dir, datalist, num_folds=num_folds, seed=seed)


def _cases(num_subjects: int, class_counts: Sequence[int], seed: int) -> list[PhantomCase]:
    """Classes in random order, or the file's number would tell them."""
    planned = plan_labels(dict.fromkeys(MACHINES, class_counts), num_subjects)
    order = np.random.default_rng(seed).permutation(len(planned))
    return [
        PhantomCase(str(number), planned[index][1], planned[index][0], (seed, number))
        for number, index in enumerate(order, start=1)
    ]


def _png(pixels: np.ndarray) -> bytes:
    stream = io.BytesIO()
    Image.fromarray(pixels).save(stream, format="PNG")
    return stream.getvalue()
