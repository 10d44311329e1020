"""The README's pictures, from what scripts/quickstart.sh left in quickstart/. Run: .venv/bin/python docs/pictures.py"""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
from monai.transforms import LoadImage

from common.data import load_datalist
from common.plotting import figure

DOCS = Path(__file__).resolve().parent
QUICKSTART = DOCS.parent / "quickstart"


def draw_phantoms(datalist: Path, path: Path) -> None:
    """One subject of each class, all modalities, in the axial slice where the lesion is largest, with its outline."""
    names = json.loads(datalist.read_text())
    modalities = list(names["modality"].values())
    rows = load_datalist(datalist)
    shown = {label: median_lesion(rows, int(label)) for label in names["labels"]}
    with figure(path, 4.8, len(shown), len(modalities)) as (_, axes):
        for first, (label, row), line in zip([True, False], shown.items(), axes, strict=True):
            mask = LoadImage(image_only=True)(row["mask"]).numpy() > 0
            slice_index = mask.sum((0, 1)).argmax()
            for axis, image, modality in zip(line, row["image"], modalities, strict=True):
                volume = LoadImage(image_only=True)(image).numpy()
                axis.imshow(volume[..., slice_index].T, cmap="gray", origin="lower", vmin=0, vmax=volume.max())
                axis.contour(mask[..., slice_index].T, [0.5], colors="#E69F00", linewidths=1)
                axis.set(title=modality if first else "", xticks=[], yticks=[])
                axis.spines[:].set_visible(False)
            line[0].set_ylabel(names["labels"][label])


def median_lesion(rows: list[dict[str, Any]], label: int) -> dict[str, Any]:
    """The subject of this class whose lesion has the median size."""
    rows = [row for row in rows if row["label"] == label]
    sizes = [np.count_nonzero(LoadImage(image_only=True)(row["mask"])) for row in rows]
    return rows[int(np.argsort(sizes)[len(sizes) // 2])]


if __name__ == "__main__":
    draw_phantoms(QUICKSTART / "phantoms" / "datalist.json", DOCS / "phantoms.png")
    shutil.copyfile(QUICKSTART / "results" / "report" / "figures" / "roc.png", DOCS / "roc.png")
