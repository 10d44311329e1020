"""Checks of the stages of a comparison before the first one runs."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from ...bundle_configs import PRETRAIN, overlays_of
from ...errors import InputError, root_cause
from ...temporary import temporary_folder
from .configured import ConfiguredStages
from .label_checks import label_problems, unjudged_folds
from .methods import Encoder, FineTuning
from .repetitions import Repetition, training_rows

__all__ = ["CheckedStages"]


class CheckedStages(ConfiguredStages):
    """Stages whose problems are reported before the first one runs; see the base class for arguments."""

    def _overlays_of(self, encoder: Encoder) -> list[str]:
        return [] if encoder.overlay == PRETRAIN else [self.configs.path(encoder.overlay)]

    def _cohort(self, repetition: Repetition, fold: int | None, modality: str | None) -> dict[str, Any]:
        """Settings for the subjects of a pre-training."""
        held_out = {"transductive": fold is None, "fold": repetition.folds[0] if fold is None else fold}
        return {**repetition.overrides, **held_out, **({"modality": modality} if modality else {})}

    def _smallest(self, repetitions: Sequence[Repetition]) -> tuple[Repetition, int]:
        """Repetition and fold that leave the fewest rows to train on."""
        parts = itertools.chain.from_iterable(self._sizes(repetition) for repetition in repetitions)
        _, repetition, fold = max(parts, key=lambda part: part[0])
        return repetition, fold

    def _sizes(self, repetition: Repetition) -> Iterator[tuple[int, Repetition, int]]:
        """Number of rows that each fold of a repetition holds out."""
        held_out = [row.get("fold") for row in training_rows(self._datalist_of(repetition))]
        return ((held_out.count(fold), repetition, fold) for fold in repetition.folds)

    def _datalist_of(self, repetition: Repetition) -> Path:
        return Path(repetition.overrides.get("datalist", self.datalist))

    def _check_labels(
        self,
        repetition: Repetition,
        row: FineTuning,
        labels: Sequence[tuple[float, int]] = (),
        folds: Sequence[int | None] | None = None,
    ) -> Iterator[str]:
        """A line for each fold of a fine-tuning that lacks a class, or leaves too few labels of one or for the epoch.

        Args:
            repetition: repetition with its folds.
            row: fine-tuning with its overlays.
            labels: label fractions and the seeds for their choice, by default the settings'.
            folds: held-out folds, by default those of the repetition.
        """
        ids = self.configs.ids("train", *overlays_of("train", self.overlays), *row.overlays)
        ids |= self.settings | self.of_stage.get("train", {})
        found = {name: ids.get(name) for name in ("validation_fraction", "label_fraction", "label_seed")}
        plain = {name: value for name, value in found.items() if isinstance(value, int | float)}
        rows = training_rows(self._datalist_of(repetition))
        validation = plain.get("validation_fraction", 0.0)
        settings = (float(plain.get("label_fraction", 1.0)), int(plain.get("label_seed", 0)))
        for problem in unjudged_folds(rows, folds or repetition.folds):
            yield f"{repetition.name}{row.name}, {problem}"
        found_before: set[str] = set()  # the same problem for several fractions and seeds is one line
        for fraction, seed in labels or [settings]:
            part: dict[str, Any] = {"fraction": fraction, "label_seed": seed, "validation_fraction": validation}
            for problem in label_problems(rows, folds or repetition.folds, **part):
                if problem not in found_before:
                    found_before.add(problem)
                    yield f"{repetition.name}{row.name}, {problem}"

    def _check_pretraining(self, repetition: Repetition, encoder: Encoder, fold: int | None, folder: Path) -> Path:
        """Check the sizes of a pre-training, such as SE's candidates, against its cohort.

        Returns:
            Its weights: those that are there, or else untrained ones in a folder, with which trainings are checked.
        """
        modality = encoder.runs[0]
        if (checkpoint := encoder.checkpoint(repetition.output_dir, fold, modality)).is_file():
            return checkpoint
        elsewhere = {"datalist": str(self.elsewhere)} if self.elsewhere else {}
        cohort = {**self._cohort(repetition, fold, modality), **elsewhere, **encoder.settings}
        self._check_run(f"pre-training {encoder.name}", PRETRAIN, self._overlays_of(encoder), folder, **cohort)
        return folder / "model.pt"

    def _check_training(
        self, row: FineTuning, done: Path, fold: int, stage: str = "train", start: Path | None = None, **ids: Any
    ) -> None:
        """Create a training, unless what it makes is there: its settings, a subject of each class, enough of them to
        choose the epoch, and whether its network takes the weights of its encoder."""
        if not done.is_file():
            ids |= {"fold": fold, **({"modality": row.modality} if row.modality else {})}
            overlays = [self.configs.path(name) for name in row.overlays]
            try:
                self._check_run(row.name, stage, overlays, pretrained_encoder=start and str(start), **ids)
            except InputError as error:  # of a file that may be gone when this is read
                raise InputError(str(error).replace(f"{start}:", "cannot start from its pre-training:")) from None

    def _check_run(
        self, what: str, stage: str, overlays: Iterable[str], keep: Path | None = None, **overrides: Any
    ) -> None:
        """Create a training or probe without voxels or tables, so that its problems are reported at once.

        Args:
            what: name for messages.
            stage: name of the config.
            overlays: overlays of the row.
            keep: folder for the untrained weights and what belongs to them; by default they are not kept.
            **overrides: ids of the config and their values.

        Raises:
            InputError: it cannot be created.
        """
        from ...handlers import ResumableCheckpoint  # here, as --help needs no torch

        with temporary_folder() as folder:
            lazy = {"cache_rate": 0.0, "cache": "none", "pretrained_encoder": None, "pretrained_weights": None}
            lazy |= {"device": "cpu", "quiet": True, "output_dir": str(keep or folder)}
            try:
                workflow = self._workflow(stage, overlays, {**lazy, **overrides}, optional=lazy)
                workflow.initialize()
                part = "train#trainer" if "train" in workflow.parser else "probe"
                if part.split("#")[0] in workflow.parser:
                    made = workflow.parser.get_parsed_content(part)
                    if keep:
                        handlers = workflow.parser.get_parsed_content("train#handlers")
                        next(each for each in handlers if isinstance(each, ResumableCheckpoint)).save_model(made)
            except Exception as error:
                if isinstance(cause := root_cause(error), InputError):
                    raise InputError(f"{what}: {cause}") from None
                raise

    def _check_weights(self, rows: Iterable[FineTuning]) -> None:
        if any(row.start == "imagenet" for row in rows) and not self.settings.get("pretrained_weights"):
            raise InputError("imagenet without a file of weights; set pretrained_weights")
