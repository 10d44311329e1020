"""Phantom cohorts built for one method, and what a bundle's own configs learn from them."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
import pandas as pd
import torch

from common.data import assign_folds, write_datalist
from common.engines import PrepareImage
from common.evaluation import LabelFractions
from common.handlers.collapse import knn_balanced_accuracy


def write_cohort(
    folder: Path,
    images: Sequence[Sequence[np.ndarray]],
    labels: Sequence[int],
    masks: Sequence[np.ndarray] | None = None,
    num_folds: int = 2,
    modalities: Sequence[str] | None = None,
) -> Path:
    """Write volumes and their datalist.

    Args:
        folder: folder of the cohort, which is made.
        images: the volumes of each subject, one for each modality.
        labels: class of each subject.
        masks: mask of each subject.
        num_folds: number of folds by subject, stratified by class.
        modalities: names of the modalities.

    Returns:
        The folder.
    """
    folder.mkdir(parents=True, exist_ok=True)
    rows = []
    for number, (volumes, label) in enumerate(zip(images, labels, strict=True)):
        subject = f"S{number:03d}"
        paths = [_save(folder / f"{subject}_{place}.nii.gz", volume) for place, volume in enumerate(volumes)]
        row = {"image": paths if len(paths) > 1 else paths[0], "subject": subject, "label": int(label)}
        if masks is not None:
            row["mask"] = _save(folder / f"{subject}_mask.nii.gz", masks[number].astype(np.uint8))
        rows.append(row)
    names = [f"class {label}" for label in sorted(set(map(int, labels)))]
    write_datalist(folder / "datalist.json", assign_folds(rows, num_folds, seed=0), labels=names, modality=modalities)
    return folder


def shuffle_labels(cohort: Path, folder: Path, seed: int) -> Path:
    """A cohort of the same files and folds, whose classes are dealt anew among the subjects of each fold.

    Args:
        cohort: folder of :func:`write_cohort`.
        folder: folder of the new datalist, which is made.
        seed: random seed.

    Returns:
        ``folder``.
    """
    content = json.loads((cohort / "datalist.json").read_text())
    rng = np.random.default_rng(seed)
    for fold in sorted({row["fold"] for row in content["training"]}):
        rows = [row for row in content["training"] if row["fold"] == fold]
        for row, label in zip(rows, rng.permutation([row["label"] for row in rows]), strict=True):
            row["label"] = int(label)
    for row in content["training"]:
        for key in row.keys() & {"image", "mask"}:
            paths = row[key] if isinstance(row[key], list) else [row[key]]
            absolute = [str(cohort / path) for path in paths]
            row[key] = absolute if isinstance(row[key], list) else absolute[0]
    folder.mkdir(parents=True)
    (folder / "datalist.json").write_text(json.dumps(content))
    return folder


@dataclass(frozen=True)
class Learnt:
    """A finished comparison by the number of labels.

    Args:
        folder: its output folder.
        summary: content of its ``metrics.json``.
    """

    folder: Path
    summary: dict[str, Any]

    def auc(self, row: str, fraction: float) -> dict[str, float]:
        """``value``, ``low`` and ``high`` of a row, the interval of a bootstrap over test subjects."""
        (found,) = (each for each in self.summary["results"] if (each["set"], each["fraction"]) == (row, fraction))
        return found["metrics"]["auc"]

    def gain(self, row: str, fraction: float) -> dict[str, float]:
        """AUC of a row minus that of the first row, with the interval of paired resamples."""
        first = self.summary["results"][0]["set"]
        (found,) = (
            each
            for each in self.summary["comparisons"]
            if (each["set"], each["reference"], each["fraction"]) == (row, first, fraction)
        )
        return found["auc_difference"]

    def neighbours(self, encoder: str, fold: int = 0) -> list[float]:
        """Balanced accuracy of the pre-training's kNN score after each epoch."""
        table = pd.read_csv(self.folder / encoder / f"fold{fold}" / "metrics.csv")
        return table["knn_balanced_accuracy"].tolist()

    def unseen_neighbours(self, encoder: str, fold: int = 0) -> float:
        """kNN's balanced accuracy among the held-out subjects, by what the finished encoder makes of their images."""
        table = pd.read_csv(self.folder / encoder / f"learnt_fold{fold}.csv").query(f"fold == {fold}")
        features = torch.tensor(table.filter(like="learnt_").to_numpy())
        return knn_balanced_accuracy(features, torch.tensor(table["label"].to_numpy()))


def compare(
    bundle: str,
    cohort: Path,
    output_dir: Path,
    methods: Sequence[str],
    pretrained: Learnt | None = None,
    **options: Any,
) -> Learnt:
    """Run ``scripts/label_fractions.py`` in this process, on the CPU.

    Args:
        bundle: name of the bundle.
        cohort: folder of its cohort.
        output_dir: folder for all outputs; what an earlier call has finished there is not repeated.
        methods: rows of the comparison; gains are over the first.
        pretrained: comparison of the same subjects and folds, whose encoders are taken instead of new ones.
        **options: further arguments of :class:`~common.evaluation.LabelFractions`.
    """
    if pretrained:
        for weights in pretrained.folder.glob("*/fold*/model.pt"):
            folder = output_dir / weights.parent.relative_to(pretrained.folder)
            shutil.copytree(weights.parent, folder, dirs_exist_ok=True)
            for table in weights.parents[1].glob("learnt_*.csv"):
                shutil.copy(table, folder.parent)
    report = LabelFractions(bundle, cohort, output_dir, methods, device="cpu", amp=False, **options).run()
    return Learnt(output_dir, json.loads((report.parent / "metrics.json").read_text()))


class ShuffledPairs:
    """Views of a batch, each of another subject than those before it: the pairs of all terms of a loss are wrong.

    Args:
        prepare: the config's, which gives the views as a list or by name, and the target of the loss.
    """

    def __init__(self, prepare: PrepareImage) -> None:
        self.prepare = prepare

    def __call__(self, *batch: Any, **options: Any) -> Any:
        """The same with rows of each view moved on by its place."""
        views, target = self.prepare(*batch, **options)
        moved = [view.roll(place, 0) for place, view in enumerate(views.values() if isinstance(views, dict) else views)]
        return (dict(zip(views, moved, strict=True)) if isinstance(views, dict) else moved), target


def _save(path: Path, volume: np.ndarray) -> str:
    if not path.exists():
        nib.save(nib.Nifti1Image(volume, np.eye(4)), path)
    return os.path.abspath(path)
