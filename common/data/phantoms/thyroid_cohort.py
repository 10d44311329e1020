"""A cohort of ultrasound phantoms of thyroid nodules in the layout of TN-SCUI2020."""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ...files import write_atomically
from ..cohorts.tn_scui import TN_SCUI_TABLE, tn_scui_datalist
from .cohort import PhantomCase, PhantomCohort, check_sizes, plan_labels
from .thyroid_us import thyroid_us, ultrasound_of

__all__ = ["ThyroidPhantoms"]

MACHINES = ("A", "B", "C")


@dataclass(frozen=True)
class ThyroidPhantoms(PhantomCohort):
    """Ultrasound of benign (label 0) and malignant (label 1) thyroid nodules with masks, in the layout of TN-SCUI2020.

    Malignant nodules are darker, taller than wide, solid, with irregular margins, punctate calcifications and a shadow;
    the classes overlap. The layout is that of TN-SCUI2020: ``image/<ID>.PNG`` and ``mask/<ID>.PNG`` (0 and 255), 8-bit
    grey, and ``train.csv`` with ``ID,CATE``; :func:`~common.data.cohorts.tn_scui_datalist` reads both. Matrix sizes
    vary between subjects, the field of view is 45 mm wide, and three machines differ in contrast and resolution. As in
    the challenge, the files do not contain the pixel size.

    Args:
        num_subjects: number of subjects.
        sizes: minimum and maximum number of pixels from left to right, such as 200,320; there are fewer in depth.
        class_counts: proportions of benign and malignant nodules.
        separation: distance of the classes in standard deviations of the hidden malignancy; at 0 the classes are
            equal.
        seed: random seed for the cohort: the same seed gives the same files.
        num_folds: number of subject-wise stratified folds.
    """

    generator = "thyroid"

    num_subjects: int = 60
    sizes: tuple[int, int] = (200, 320)
    class_counts: Sequence[int] = (1, 1)
    separation: float = 3.0
    seed: int = 0
    num_folds: int = 5

    def _check(self) -> None:
        check_sizes(self.sizes, 64)

    def _cases(self) -> list[PhantomCase]:
        """Cases with classes in random order, so that the number of a file does not reveal its class."""
        planned = plan_labels(dict.fromkeys(MACHINES, self.class_counts), self.num_subjects)
        order = np.random.default_rng(self.seed).permutation(len(planned))
        return [
            PhantomCase(str(number), planned[index][1], planned[index][0], (self.seed, number))
            for number, index in enumerate(order, start=1)
        ]

    def _draw(self, case: PhantomCase, rng: np.random.Generator) -> dict[str, np.ndarray]:
        width = int(rng.integers(self.sizes[0], self.sizes[1] + 1))
        shape = (round(width * rng.uniform(0.72, 0.85)), width)
        image, mask = thyroid_us(shape, case.label == 1, self.separation, ultrasound_of(case.centre, self.seed), rng)
        # The image is written last, so that its mask exists if it does.
        return {f"mask/{case.folder}.PNG": 255 * mask, f"image/{case.folder}.PNG": image}

    def _is_drawn(self, folder: Path, case: PhantomCase) -> bool:
        return (folder / "image" / f"{case.folder}.PNG").is_file()

    def _save(self, folder: Path, case: PhantomCase) -> None:
        for name, pixels in self._draw(case, np.random.default_rng(case.seed)).items():
            write_atomically(folder / name, _png(pixels))

    def _write(self, datalist: Path, cases: Sequence[PhantomCase], rows: Sequence[dict[str, Any]]) -> None:
        lines = ["ID,CATE", *(f"{case.folder}.PNG,{case.label}" for case in cases)]
        write_atomically(datalist.with_name(TN_SCUI_TABLE), "\n".join(lines) + "\n")
        tn_scui_datalist(datalist.parent, datalist, num_folds=self.num_folds, seed=self.seed)


def _png(pixels: np.ndarray) -> bytes:
    from PIL import Image

    stream = io.BytesIO()
    Image.fromarray(pixels).save(stream, format="PNG")
    return stream.getvalue()
