"""Methods of a comparison: pre-trained encoders under linear evaluation, and fine-tuned networks."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

__all__ = ["MODALITY", "TRADITIONAL", "Encoder", "FineTuning", "Mean", "Probe", "part_name"]

MODALITY = "{modality}"
#: The id of ``extract_features.yaml`` that measures traditional features, without a network.
TRADITIONAL = "traditional"


def part_name(fold: int | str | None) -> str:
    """Folder of a fold, ``all`` if no fold is held out in pre-training."""
    return "all" if fold is None else f"fold{fold}"


@dataclass(frozen=True)
class Encoder:
    """A pre-training, and rows of linear evaluation (Li et al. 2021, Table 2; Chiang et al. 2023, Table 1).

    Args:
        name: name of the row.
        overlay: overlay of ``pretrain.yaml``.
        start: name in rows of fine-tuning, such as MCL of Chiang et al. 2023 for SimSiam+.
        per_modality: whether there is one encoder for each modality ("Without MDA [...], the network will be trained
            separately on each type of MR images", Chiang et al. 2023, section 4.2) or one for all.
        modalities: modalities with a feature table and a row each; empty if there is one table for all.
        settings: further ids of ``pretrain.yaml`` and their values.
        features: overlays of ``extract_features.yaml``.
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
        """Name of the output folder."""
        return "_".join([self.overlay, *(f"{key}={value}" for key, value in self.settings.items())])

    @property
    def runs(self) -> tuple[str | None, ...]:
        """Modalities of separate pre-trainings, or ``None`` for all together."""
        return self.modalities if self.per_modality else (None,)

    def checkpoint(self, root: Path, fold: int | None, modality: str | None) -> Path:
        """Weights of the encoder trained without ``fold``, for ``modality`` if there are several encoders."""
        return root / self.folder / (modality if self.per_modality and modality else "") / part_name(fold) / "model.pt"

    def table(self, root: Path, fold: int | str | None, modality: str = MODALITY) -> str:
        """Feature table of the encoder; by default with ``{modality}`` in its name if there are several."""
        column = f"_{modality}" if self.modalities else ""
        name = "+".join(["learnt", *self.features])
        return str(root / self.folder / f"{name}_{part_name(fold)}{column}.csv")

    def rows(self, root: Path, fold: int | str | None) -> dict[str, str]:
        """Rows of the report and the table of each."""
        if not self.modalities:
            return {self.name: self.table(root, fold)}
        return {f"{self.name} ({modality})": self.table(root, fold, modality) for modality in self.modalities}


@dataclass(frozen=True)
class _Row:
    """A row with predictions of its own for each fold."""

    name: str
    folder: str

    def predictions(self, root: Path, fold: int | str) -> Path:
        """File with the predictions for ``fold``."""
        return root / self.folder / part_name(fold) / "evaluate" / "predictions.csv"


@dataclass(frozen=True)
class FineTuning(_Row):
    """A row of fine-tuning (Chiang et al. 2023, Tables 2 to 4).

    Args:
        name: name of the row.
        folder: output folder.
        start: encoder to start from, or ``"scratch"`` or ``"imagenet"``.
        overlays: overlays of ``train.yaml`` and ``evaluate.yaml``.
        modality: modality of the input; ``None`` for all.
    """

    start: Encoder | str
    overlays: tuple[str, ...] = ()
    modality: str | None = None

    def checkpoint(self, root: Path, fold: int) -> Path:
        """Weights of the classifier trained without ``fold``."""
        return root / self.folder / part_name(fold) / "model.pt"


@dataclass(frozen=True)
class Probe(_Row):
    """A row of a linear classifier of fixed features, from a frozen encoder or traditional.

    Args:
        name: name of the row.
        folder: output folder.
        start: frozen encoder; ``None`` for features without a network.
        modality: modality of the features, if there is a table for each.
        overlays: overlays of ``extract_features.yaml`` for features without a network.
        measured: id of ``extract_features.yaml`` that measures features without a network.
        number: the only one of those features to use; ``None`` for all.
    """

    start: Encoder | None = None
    modality: str | None = None
    overlays: tuple[str, ...] = ()
    measured: str = TRADITIONAL
    number: str | None = None

    def table(self, root: Path, fold: int | None) -> Path:
        """Features of all subjects, by the encoder trained without ``fold``."""
        if self.start:
            return Path(self.start.table(root, fold, self.modality or ""))
        return root / f"{'+'.join([self.measured, *self.overlays])}.csv"


@dataclass(frozen=True)
class Mean(_Row):
    """A row whose probabilities are the mean of those of other rows, or follow from the mean of z-scores (ours).

    Args:
        name: name of the row.
        folder: output folder.
        rows: the other rows.
        z_scores: whether it is the mean of z-scores.
    """

    rows: tuple[FineTuning | Probe, ...]
    z_scores: bool = False

    @property
    def start(self) -> Encoder | None:
        """The first of the other rows' pre-trained encoders."""
        return next((row.start for row in self.rows if isinstance(row.start, Encoder)), None)
