"""Pictures of the pages, of phantoms and of what scripts/quickstart.sh left. Run: .venv/bin/python docs/pictures.py"""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
from monai.transforms import LoadImage

from common.data import load_datalist
from common.data.phantoms import DementiaPhantoms, LiverPhantoms
from common.plotting import figure

DOCS = Path(__file__).resolve().parent
BUNDLES = DOCS.parent / "bundles"
QUICKSTART = DOCS.parent / "quickstart"


def draw_phantoms(datalist: Path, path: Path) -> None:
    """One subject of each class, all modalities, in the axial slice where the mask is largest, with its outline."""
    names = json.loads(datalist.read_text())
    modalities = list(names["modality"].values())
    rows = load_datalist(datalist, spatial_dims=(2, 3))
    shown = {label: median_lesion(rows, int(label)) for label in names["labels"]}
    with figure(path, 4.8, len(shown), len(modalities)) as (_, axes):
        for first, (label, row), line in zip([True, False], shown.items(), axes, strict=True):
            mask = LoadImage(image_only=True)(row["mask"]).numpy() > 0
            shown_slice = (..., mask.sum((0, 1)).argmax()) if mask.ndim == 3 else ...
            for axis, image, modality in zip(line, row["image"], modalities, strict=True):
                volume = LoadImage(image_only=True)(image).numpy()
                axis.imshow(volume[shown_slice].T, cmap="gray", origin="lower", vmin=0, vmax=volume.max())
                axis.contour(mask[shown_slice].T, [0.5], colors="#E69F00", linewidths=1)
                axis.set(title=modality if first else "", xticks=[], yticks=[])
                axis.spines[:].set_visible(False)
            line[0].set_ylabel(names["labels"][label])


def median_lesion(rows: list[dict[str, Any]], label: int) -> dict[str, Any]:
    """The subject of this class whose lesion has the median size."""
    rows = [row for row in rows if row["label"] == label]
    sizes = [np.count_nonzero(LoadImage(image_only=True)(row["mask"])) for row in rows]
    return rows[int(np.argsort(sizes)[len(sizes) // 2])]


def draw_views(datalist: Path, path: Path) -> None:
    """One subject of each class in the middle slice of each view, axial, coronal and sagittal."""
    names = json.loads(datalist.read_text())["labels"]
    rows = {str(row["label"]): row for row in load_datalist(datalist, mask="optional")}
    with figure(path, 4.8, len(names), 3) as (_, axes):
        for first, (label, name), line in zip([True, False], names.items(), axes, strict=True):
            volume = LoadImage(image_only=True)(rows[label]["image"]).numpy()
            for axis, view, along in zip(line, ("axial", "coronal", "sagittal"), (2, 1, 0), strict=True):
                middle = volume.take(volume.shape[along] // 2, along)
                axis.imshow(middle.T, cmap="gray", origin="lower", vmin=0, vmax=volume.max())
                axis.set(title=view if first else "", xticks=[], yticks=[])
                axis.spines[:].set_visible(False)
            line[0].set_ylabel(name)


if __name__ == "__main__":
    draw_phantoms(QUICKSTART / "phantoms" / "datalist.json", DOCS / "phantoms.png")
    shutil.copyfile(DOCS / "phantoms.png", BUNDLES / "siam3d_imbalance" / "docs" / "input.png")
    shutil.copyfile(QUICKSTART / "results" / "report" / "figures" / "roc.png", DOCS / "roc.png")
    with TemporaryDirectory() as folder:
        liver = LiverPhantoms(num_subjects=10, num_folds=2).make(Path(folder) / "liver")
        draw_phantoms(liver, BUNDLES / "liver_cgc" / "docs" / "input.png")
        dementia = DementiaPhantoms(num_subjects=10, num_folds=2).make(Path(folder) / "dementia")
        draw_views(dementia, BUNDLES / "mlsscl_3d" / "docs" / "input.png")
