"""Pictures of the pages: a prediction of reference weights, and, after scripts/quickstart.sh, phantoms and its results.

Run: .venv/bin/python docs/pictures.py
"""

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
from common.deploy.prediction.classifier import open_classifier
from common.explain import occlusion_map
from common.plotting import figure

DOCS = Path(__file__).resolve().parent
BUNDLES = DOCS.parent / "bundles"
QUICKSTART = DOCS.parent / "quickstart"


def draw_prediction(bundle: Path, subject: str, path: Path) -> None:
    """A volume as the network sees it, its probability of class 1, and how much of that hiding each part takes away."""
    rows = load_datalist(bundle / "samples/datalist.json", section="testing")
    row = next(row for row in rows if row["subject"] == subject)
    with open_classifier(bundle, weights=bundle / "models/model.ts", device="cpu") as classifier:
        image = classifier.preprocessing(row)["image"]
        name, probability = list(classifier(image).probabilities.items())[1]
        heat = occlusion_map(classifier.network, image, channel=1)
        truth = classifier.channels[row["label"]]
    peak = np.unravel_index(heat.argmax(), heat.shape)
    with figure(path, 5.6, 2, 3) as (drawing, axes):
        for along, view in enumerate(("sagittal", "coronal", "transverse")):
            plane, warm = (volume.take(peak[along], along).T for volume in (image[0].numpy(), heat))
            for axis in axes[:, along]:
                axis.imshow(plane, cmap="gray", origin="lower", vmin=0, vmax=255)
                axis.set(xticks=[], yticks=[])
                axis.grid(False)
                axis.spines[:].set_visible(False)
            axes[0, along].set_title(view)
            shown = axes[1, along].imshow(warm, cmap="inferno", origin="lower", vmin=0, vmax=heat.max(), alpha=0.5)
            for axis in axes[:, along]:
                axis.invert_xaxis()  # as radiologists look at it
        drawing.colorbar(shown, ax=list(axes[1]), label="Fall of the probability")
        drawing.suptitle(f"{subject}: {name} {probability:.2f}; readers say {truth}")


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
    draw_prediction(BUNDLES / "siam3d_imbalance", "LIDC-IDRI-0262_R_1", DOCS / "nodule.png")
    draw_phantoms(QUICKSTART / "phantoms" / "datalist.json", DOCS / "phantoms.png")
    shutil.copyfile(DOCS / "phantoms.png", BUNDLES / "siam3d_imbalance" / "docs" / "input.png")
    shutil.copyfile(QUICKSTART / "results" / "report" / "figures" / "roc.png", DOCS / "roc.png")
    with TemporaryDirectory() as folder:
        liver = LiverPhantoms(num_subjects=10, num_folds=2).make(Path(folder) / "liver")
        draw_phantoms(liver, BUNDLES / "liver_cgc" / "docs" / "input.png")
        dementia = DementiaPhantoms(num_subjects=10, num_folds=2).make(Path(folder) / "dementia")
        draw_views(dementia, BUNDLES / "mlsscl_3d" / "docs" / "input.png")
