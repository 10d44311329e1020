"""What a comparison compares: pre-trained encoders under linear evaluation, and fine-tuned networks."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

__all__ = ["MODALITY", "Encoder", "FineTuning", "Probe", "part_name"]

MODALITY = "{modality}"


def part_name(fold: int | str | None) -> str:
    """Folder of a fold, ``all`` where pre-training holds none out."""
    return "all" if fold is None else f"fold{fold}"


@dataclass(frozen=True)
class Encoder:
    """A pre-training, and rows of linear evaluation (Li et al. 2021, Table 2; Chiang et al. 2023, Table 1).

    Args:
        name: of the row.
        overlay: on ``pretrain.yaml``.
        start: what rows of fine-tuning call it, such as MCL of Chiang et al. 2023 for SimSiam+.
        per_modality: whether there is one for each modality ("Without MDA [...], the network will be trained separately
            on each type of MR images", Chiang et al. 2023, section 4.2) or one for all.
        modalities: those that have a feature table and a row each; none where there is one table of all.
        settings: further ids of ``pretrain.yaml``.
        features: overlays on ``extract_features.yaml``.
    """

    name: str
    overlay: str
    start: str
    per_modality: bool = False
    modalities: tuple[str, ...] = ()
    settings: Mapping[str, Any] = field(default_factory=dict)
    features: tuple[str, ...] = ()

    @property
    def folder(self) -> str:
        """Where its outputs go."""
        return "_".join([self.overlay, *(f"{key}={value}" for key, value in self.settings.items())])

    @property
    def runs(self) -> tuple[str | None, ...]:
        """Modalities to pre-train on one by one, or ``None`` for all at once."""
        return self.modalities if self.per_modality else (None,)

    def checkpoint(self, root: Path, fold: int | None, modality: str | None) -> Path:
        """Weights of the encoder that has not seen ``fold``, the one of ``modality`` where there are several."""
        return root / self.folder / (modality if self.per_modality and modality else "") / part_name(fold) / "model.pt"

    def table(self, root: Path, fold: int | str | None, modality: str = MODALITY) -> str:
        """Feature table of its encoder; by default with ``{modality}`` in it where there are several."""
        column = f"_{modality}" if self.modalities else ""
        name = "+".join(["learnt", *self.features])
        return str(root / self.folder / f"{name}_{part_name(fold)}{column}.csv")

    def rows(self, root: Path, fold: int | str | None) -> dict[str, str]:
        """Rows of the report and the table of each."""
        if not self.modalities:
            return {self.name: self.table(root, fold)}
        return {f"{self.name} ({modality})": self.table(root, fold, modality) for modality in self.modalities}


@dataclass(frozen=True)
class FineTuning:
    """A row of fine-tuning (Chiang et al. 2023, Tables 2 to 4).

    Args:
        name: of the row.
        folder: where its outputs go.
        start: the encoder to start from, or ``"scratch"`` or ``"imagenet"``.
        overlays: on ``train.yaml`` and ``evaluate.yaml``.
        modality: the one that it takes; ``None`` for all.
    """

    name: str
    folder: str
    start: Encoder | str
    overlays: tuple[str, ...] = ()
    modality: str | None = None

    def checkpoint(self, root: Path, fold: int) -> Path:
        """Weights of the classifier that has not seen ``fold``."""
        return root / self.folder / part_name(fold) / "model.pt"

    def predictions(self, root: Path, fold: int | str) -> Path:
        """What it says of ``fold``."""
        return root / self.folder / part_name(fold) / "evaluate" / "predictions.csv"


@dataclass(frozen=True)
class Probe:
    """A row of a linear classifier on what needs no further training: a frozen encoder's or traditional features.

    Args:
        name: of the row.
        folder: where its outputs go.
        start: the encoder; ``None``: traditional features.
        modality: the one whose features it takes, where there is a table for each.
        overlays: on ``extract_features.yaml``, of traditional features.
    """

    name: str
    folder: str
    start: Encoder | None = None
    modality: str | None = None
    overlays: tuple[str, ...] = ()

    def table(self, root: Path, fold: int | None) -> Path:
        """Features of all subjects, by the encoder that has not seen ``fold``."""
        if self.start:
            return Path(self.start.table(root, fold, self.modality or ""))
        return root / f"{'+'.join(['traditional', *self.overlays])}.csv"

    def predictions(self, root: Path, fold: int | str) -> Path:
        """What it says of ``fold``."""
        return root / self.folder / part_name(fold) / "evaluate" / "predictions.csv"
