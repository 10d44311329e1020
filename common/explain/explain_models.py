"""Class activation maps of several models on the same patients: files, figures and metrics."""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from monai.data import Dataset
from torch import nn
from torch.utils.data import DataLoader, Subset
from tqdm import tqdm

from ..csv_text import csv_text
from ..errors import InputError
from ..files import replacing, write_atomically
from .figures import Panel, comparison_figure, overlay_figure
from .layer_cam import LayerCAM
from .pointing_game import PointingGame, pointing_game

__all__ = ["ExplainModels", "plain_name"]

logger = logging.getLogger(__name__)


class ExplainModels:
    """LayerCAM of each model for each modality of each patient (Chiang et al. 2023, section 4.4 and Fig. 4).

    "We choose the 11th convolution block of the trained base encoder as our target layer and visualize pathological
    stage two for the target class." Writes into ``output_dir``:

    - ``<subject>_<modality>_<model>.png``, the map over the image, coloured by its share of the map's maximum;
    - ``<subject>.png``, all models and modalities of a patient, the paper's Fig. 4;
    - ``<subject>_<model>.npy``, the maps, ``[M, H, W]`` float32;
    - ``explanations.csv``, a row per patient, model and modality: the probability of the class, and if there is a
      mask the :func:`pointing_game`; ``explanations_summary.csv``, their means over patients.

    Args:
        models: networks on ``device`` by name, each from ``[B, M, H, W]`` to logits, or one from ``[B, 1, H, W]`` for
            each modality, possibly the same for all.
        dataset: MONAI dataset of rows with ``image`` ``[M, H, W]`` and ``subject``, optionally a mask ``[1, H, W]`` and
            ``label``; its ``data`` has the subjects' names.
        output_dir: output folder, created if missing.
        modalities: names of the image's channels.
        target_class: index of the class to explain.
        target_layer: layer to explain, see :class:`LayerCAM`.
        normalize: function from a batch of images to the models' input; the images are shown without it.
        classes: class names by index, for the titles.
        subjects: names of the subjects to explain; by default all of the dataset.
        mask_key: row key of the mask, lesion or organ above 0, on the image's grid.
        batch_size: number of patients in a batch.
        device: device of the models.
        radiological: whether to show the first axis from right to left and the second upwards, for images in RAS
            orientation with the patient's right on the left. Otherwise, as for pictures read by MONAI, axes point to
            the right and downwards.
        progress: whether to show a progress bar.

    Raises:
        InputError: a model has another number of modalities or returns probabilities, a layer or subject is unknown,
            or two models would write the same file.

    Example:
        >>> ExplainModels({"MCL": {"T1": t1, "T2": t2}, "MCL + CGC": fused}, dataset, "out", ["T1", "T2"]).run()
    """

    def __init__(
        self,
        models: Mapping[str, nn.Module | Mapping[str, nn.Module]],
        dataset: Dataset,
        output_dir: str | Path,
        modalities: Sequence[str],
        *,
        target_class: int = 1,
        target_layer: int | str = 11,
        normalize: Callable[[torch.Tensor], torch.Tensor] | None = None,
        classes: Sequence[str] | None = None,
        subjects: Sequence[str] | None = None,
        mask_key: str = "mask",
        batch_size: int = 8,
        device: str | torch.device = "cpu",
        radiological: bool = True,
        progress: bool = True,
    ) -> None:
        self.modalities, self.output_dir = list(modalities), Path(output_dir)
        self.target_class, self.device = target_class, torch.device(device)
        self.classes = list(classes or ())
        self.normalize, self.batch_size, self.progress = normalize, batch_size, progress
        self.mask_key, self.radiological = mask_key, radiological
        self.dataset = dataset if subjects is None else Subset(dataset, _indices(dataset, subjects))
        self._check_names(models)
        hooked: dict[int, LayerCAM] = {}  # a network for several modalities is hooked once

        def cam(network: nn.Module) -> LayerCAM:
            """The maps of a network, to which hooks are added once."""
            if id(network) not in hooked:
                hooked[id(network)] = LayerCAM(network.eval(), target_layer)
            return hooked[id(network)]

        self.cams = {
            name: {key: cam(network) for key, network in model.items()} if isinstance(model, Mapping) else cam(model)
            for name, model in models.items()
        }

    def run(self) -> pd.DataFrame:
        """Compute, draw and evaluate the maps.

        Returns:
            The content of ``explanations.csv``.
        """
        self.output_dir.mkdir(parents=True, exist_ok=True)
        found = []
        with tqdm(total=len(self.dataset), desc="explain", unit="patient", disable=not self.progress) as bar:
            for rows in DataLoader(self.dataset, self.batch_size, collate_fn=list):
                images = torch.stack([torch.as_tensor(row["image"]).float() for row in rows]).to(self.device)
                inputs = images if self.normalize is None else self.normalize(images)
                explained = {name: self._explain(name, cam, inputs) for name, cam in self.cams.items()}
                for index, row in enumerate(rows):
                    own = {name: (maps[index], p[index]) for name, (maps, p) in explained.items()}
                    found += self._write(row, images[index].cpu().numpy(), own)
                    bar.update()
        table = pd.DataFrame(found)
        write_atomically(self.output_dir / "explanations.csv", csv_text(table))
        self._summarise(table)
        return table

    def _explain(
        self, name: str, cam: LayerCAM | Mapping[str, LayerCAM], inputs: torch.Tensor
    ) -> tuple[np.ndarray, np.ndarray]:
        """Maps ``[B, M, H, W]`` and probabilities of the class ``[B, M]``."""
        if isinstance(cam, Mapping):
            parts = [(cam[key], inputs[:, [index]]) for index, key in enumerate(self.modalities)]
        else:
            parts = [(cam, inputs)]
        maps = torch.cat([part(x, class_idx=self.target_class) for part, x in parts], dim=1)
        if maps.shape[1] != len(self.modalities):
            raise InputError(
                f"models: {name}: found {maps.shape[1]} maps; expected {len(self.modalities)}, one for each modality; "
                "give a network of one modality as {modality: network}"
            )
        with torch.no_grad():
            logits = [part.nn_module.model(x) for part, x in parts]
        p = torch.stack([values.softmax(1)[:, self.target_class] for values in logits], dim=1)
        return maps.cpu().numpy(), p.expand(-1, len(self.modalities)).cpu().numpy()

    def _write(
        self, row: Mapping[str, Any], image: np.ndarray, explained: Mapping[str, tuple[np.ndarray, np.ndarray]]
    ) -> list[dict[str, Any]]:
        """Write all files of one patient; return its rows of the table."""
        subject, mask = str(row["subject"]), row.get(self.mask_key)
        mask = None if mask is None else np.asarray(mask)[0]
        keys = {key: int(row[key]) for key in ("fold", "label") if key in row}
        found: list[dict[str, Any]] = []
        panels: list[list[Panel]] = []
        for name, (maps, probabilities) in explained.items():
            with replacing(self.output_dir / f"{plain_name(subject)}_{plain_name(name)}.npy") as temporary:
                np.save(temporary, maps.astype(np.float32))
            panels.append([])
            for index, modality in enumerate(self.modalities):
                title = f"P({self._class(self.target_class)}) = {probabilities[index]:.2f}"
                view = None if mask is None else self._view(mask)
                shown = Panel(title, self._view(image[index]), self._view(maps[index]), view)
                panels[-1].append(shown)
                path = self.output_dir / f"{plain_name(subject)}_{plain_name(modality)}_{plain_name(name)}.png"
                overlay_figure(shown._replace(title=f"{name}, {modality}\n{title}"), path)
                game = PointingGame(*[np.nan] * 3) if mask is None else pointing_game(maps[index], mask)
                measured = {"probability": float(probabilities[index]), **game._asdict()}
                found.append({"subject": subject, **keys, "model": name, "modality": modality, **measured})
        title = subject + (f", {self._class(keys['label'])}" if "label" in keys else "")
        path = self.output_dir / f"{plain_name(subject)}.png"
        comparison_figure(panels, list(explained), self.modalities, title, path)
        return found

    def _class(self, index: int) -> str:
        return self.classes[index] if self.classes else f"class {index}"

    def _view(self, array: np.ndarray) -> np.ndarray:
        """Rows from top to bottom, columns from left to right."""
        return array.T[::-1, ::-1] if self.radiological else array.T

    def _summarise(self, table: pd.DataFrame) -> None:
        measured = table.dropna(subset="energy_inside")
        if measured.empty:
            return
        groups = measured.groupby(["model", "modality"], sort=False)
        summary = groups[list(PointingGame._fields)].mean().assign(subjects=groups.size()).reset_index()
        write_atomically(self.output_dir / "explanations_summary.csv", csv_text(summary))
        for line in summary.itertuples():
            logger.info(
                f"{line.model}, {line.modality}: {line.energy_inside:.1%} of the map within the mask, which is "
                f"{line.area:.1%} of the image ({line.subjects} patients)"
            )

    def _check_names(self, models: Mapping[str, Any]) -> None:
        problems = [
            f"{name}: found modalities {', '.join(model)}; expected {', '.join(self.modalities)}"
            for name, model in models.items()
            if isinstance(model, Mapping) and set(model) != set(self.modalities)
        ]
        if not models:
            problems.append("found none; expected at least one name with its network")
        if len({plain_name(name) for name in models}) < len(models):
            problems.append(f"found {', '.join(models)}; expected names that differ in letters or digits")
        if problems:
            raise InputError.of_rows("models", problems)


def _indices(dataset: Dataset, subjects: Sequence[str]) -> list[int]:
    known = {str(row["subject"]): index for index, row in enumerate(dataset.data)}
    if unknown := [str(subject) for subject in subjects if str(subject) not in known]:
        shown = ", ".join(list(known)[:5])
        raise InputError(f"subjects: found {', '.join(unknown)}; expected some of the {len(known)}: {shown}, ...")
    return [known[str(subject)] for subject in subjects]


def plain_name(name: str) -> str:
    """A name that is valid in a file name."""
    return re.sub(r"[^\w.+-]+", "_", name)
