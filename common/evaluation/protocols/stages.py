"""The configs of a bundle as stages of a comparison."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any

from ...bundle_configs import PRETRAIN
from ...tasks import Cost, Task, run_tasks
from .costs import keep_cost
from .methods import Encoder, FineTuning, part_name
from .repetitions import Repetition
from .stage_checks import CheckedStages

__all__ = ["Stages"]


class Stages(CheckedStages):
    """Stages for each method of a comparison, each run only if its outputs do not exist yet.

    See :class:`~common.evaluation.protocols.configured.ConfiguredStages` for the arguments.

    Attributes:
        traditional: whether the extraction of features measures the traditional ones too.
    """

    traditional = True

    def _run_tasks(self, tasks: Iterable[Task], description: str) -> None:
        """Run what is not done, see :func:`~common.tasks.run_tasks`; the folder is claimed with the first result."""
        run_tasks(tasks, self.workers, description, after_each=self._keep)

    def _keep(self, task: Task, cost: Cost) -> None:
        """Claim the folder, and note what a task costs, the first time that it is done."""
        self._keep_identity()
        keep_cost(self.output_dir, task, cost)

    def _pretrainings(self, repetition: Repetition, encoders: Iterable[Encoder]) -> Iterator[Task]:
        """A task for each encoder, modality of its own and held-out fold; encoders of one folder are the same."""
        for encoder in {encoder.folder: encoder for encoder in encoders}.values():
            for modality, fold in self._parts(repetition, encoder):
                yield Task(
                    f"{repetition.name}pre-training {_what(encoder, modality, fold)}",
                    encoder.checkpoint(repetition.output_dir, fold, modality),
                    partial(self._pretrain, repetition, encoder, modality, fold),
                )

    def _extractions(self, repetition: Repetition, encoders: Iterable[Encoder]) -> Iterator[Task]:
        """A task for each encoder's features, after its pre-training.

        The first one may measure the traditional features too, which all others find in the cache.
        """
        first: tuple[Path, ...] = ()
        for encoder in {(encoder.folder, encoder.features): encoder for encoder in encoders}.values():
            for modality, fold in self._parts(repetition, encoder):
                table = self._table(repetition.output_dir, encoder, modality, fold)
                yield Task(
                    f"{repetition.name}features of {_what(encoder, modality, fold)}",
                    table,
                    partial(self._extract, repetition, encoder, modality, fold),
                    needs=(encoder.checkpoint(repetition.output_dir, fold, modality), *first),
                )
                first = first or (table,)

    def _parts(self, repetition: Repetition, encoder: Encoder) -> Iterator[tuple[str | None, int | None]]:
        """Modality, or ``None`` for all of them, and held-out fold, or ``None``, of each run of an encoder."""
        return itertools.product(encoder.runs, (None,) if self.one_encoder else repetition.folds)

    @staticmethod
    def _table(root: Path, encoder: Encoder, modality: str | None, fold: int | None) -> Path:
        """A table that the extraction of features writes, the last one if there are several."""
        return Path(encoder.table(root, fold, modality or (encoder.modalities or [""])[-1]))

    def _start_file(self, root: Path, row: FineTuning, fold: int | None) -> tuple[Path, ...]:
        """The encoder's weights from which a fine-tuning starts, if it starts from some."""
        part = None if self.one_encoder else fold
        return (row.start.checkpoint(root, part, row.modality),) if isinstance(row.start, Encoder) else ()

    def _pretrain(self, repetition: Repetition, encoder: Encoder, modality: str | None, fold: int | None) -> None:
        checkpoint = encoder.checkpoint(repetition.output_dir, fold, modality)
        if not checkpoint.is_file():
            cohort = self._cohort(repetition, fold, modality)
            if self.elsewhere:
                cohort["datalist"] = str(self.elsewhere)
            overrides = {**cohort, **encoder.settings}
            self._run(PRETRAIN, self._overlays_of(encoder), **overrides, output_dir=str(checkpoint.parent))

    def _extract(self, repetition: Repetition, encoder: Encoder, modality: str | None, fold: int | None) -> None:
        root = repetition.output_dir
        names = [modality] if modality else encoder.modalities or [""]
        if all(Path(encoder.table(root, fold, name)).is_file() for name in names):
            return
        checkpoint = encoder.checkpoint(root, fold, modality)
        self._run(
            "extract_features",
            [self.configs.path(name) for name in encoder.features],
            **self._cohort(repetition, fold, modality),
            checkpoint=str(checkpoint),
            output_dir=str(checkpoint.parent),
            learnt_table=encoder.table(root, fold),
            traditional_table=str(root / "traditional.csv"),
            write_traditional=self.traditional,
        )

    def _fine_tune(self, row: FineTuning, root: Path, fold: int, start: Mapping[str, Any], **ids: Any) -> None:
        """Train and evaluate; outputs are written below ``root``."""
        checkpoint, predictions = row.checkpoint(root, fold), row.predictions(root, fold)
        if predictions.is_file():
            return
        common = {**ids, "fold": fold, **({"modality": row.modality} if row.modality else {})}
        overlays = [self.configs.path(name) for name in row.overlays]
        # Even if there are weights: those of the best epoch so far are written before the end of the training.
        self._run("train", overlays, **common, **start, output_dir=str(checkpoint.parent))
        paths = {"checkpoint": str(checkpoint), "output_dir": str(predictions.parent)}
        self._run("evaluate", overlays, **common, **paths)

    def _start(self, repetition: Repetition, row: FineTuning, fold: int) -> dict[str, Any]:
        """Settings for the initial weights of ``train.yaml``."""
        for checkpoint in self._start_file(repetition.output_dir, row, fold):
            return {"pretrained_encoder": str(checkpoint)}
        random = row.start == "scratch" and "pretrained_weights" in self.configs.ids("train")
        return {"pretrained_encoder": None, **({"pretrained_weights": None} if random else {})}


def _what(encoder: Encoder, modality: str | None, fold: int | None) -> str:
    """An encoder's run for the progress."""
    return ", ".join(filter(None, [encoder.name, modality, part_name(fold)]))
