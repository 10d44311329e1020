"""The machinery of all comparisons: rows on folds, for parts of the labels and seeds, as runs that need each other."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

from ...bundle_configs import PRETRAIN, overlays_of
from ...console import logged
from ...errors import InputError
from ...locks import locked
from ...tasks import Task
from ...temporary import temporary_folder
from .methods import Encoder, FineTuning, Probe, part_name
from .repetitions import Repetition
from .stages import Stages

__all__ = ["Comparison", "Share"]


@dataclass(frozen=True)
class Share:
    """A part of the labels, with which all rows run on all folds.

    Args:
        name: prefix for messages.
        root: folder for outputs of the runs.
        repetition: folds, and folder of the encoders from which the runs start.
        fraction: part of the labels.
        seed: random seed for the choice of that part.
        settings: ids of the trainings and their values.
    """

    name: str
    root: Path
    repetition: Repetition
    fraction: float = 1.0
    seed: int = 0
    settings: Mapping[str, Any] = field(default_factory=dict)


class Comparison(Stages):
    """Rows that are pre-trained, trained or probed, and judged on held-out folds, and the report of all.

    Pre-trainings come first, then features, then the runs of each row with each share of the labels on each fold. A
    class says what its rows, repetitions and shares are, and writes the report. See
    :class:`~common.evaluation.protocols.configured.ConfiguredStages` for the arguments.

    Attributes:
        title: name for messages.
        training: config of the training.
        rows: rows with runs of their own on each fold.
        encoders: encoders whose features are extracted.
        repetitions: cross-validations with folds of their own.
    """

    title = "comparison"
    training = "train"
    rows: Sequence[Any] = ()
    encoders: Sequence[Encoder] = ()
    repetitions: Sequence[Repetition] = ()

    def run(self) -> Path:
        """Run all that is not finished.

        Returns:
            The report, ``<output_dir>/report/report.md``, or the weights of a final model.
        """
        with locked(self.output_dir):
            self.check_identity()
            self._check_stages()
            self._run_tasks(self.tasks(), self.title)
            return self._report()

    def run_logged(self) -> Path:
        """As :meth:`run`; the terminal shows one bar, then warnings, and ``<output_dir>/run.log`` has the rest."""
        with logged(self.output_dir / "run.log"):
            return self.run()

    def check(self) -> None:
        """Check all stages, as :meth:`run` does before the first one.

        Raises:
            InputError: one of them cannot run, or the folder has another comparison.
        """
        with locked(self.output_dir):
            self.check_identity()
            self._check_stages()

    def tasks(self) -> Iterator[Task]:
        """All runs by the files that they make, each after those that it needs."""
        shares = list(self.shares())
        pretrained = {share.repetition.output_dir: share.repetition for share in shares}.values()
        measured = list(self._measurements())  # first, as they find what is wrong with masks
        yield from measured
        for repetition in pretrained:
            for task in self._pretrainings(repetition, [*self._starts(), *self.encoders]):
                yield replace(task, needs=(*task.needs, *self._quick_tables()))
        for repetition in pretrained:
            for task in self._extractions(repetition, self.encoders):  # which find the radiomics in the cache
                yield replace(task, needs=(*task.needs, *(other.makes for other in measured)))
        for share, row in itertools.product(shares, self.rows):
            for fold in share.repetition.folds:
                yield Task(
                    f"{share.name}{row.name}, {part_name(fold)}",
                    self._made_by(row, share, fold),
                    partial(self._do, row, share, fold),
                    needs=self._inputs(row, share, fold),
                )

    def shares(self) -> Iterator[Share]:
        """The shares of the labels of all repetitions."""
        return itertools.chain.from_iterable(map(self._shares, self.repetitions))

    def _shares(self, repetition: Repetition) -> Iterable[Share]:
        """The shares of the labels of a repetition, by default all labels at once."""
        return [Share(repetition.name, repetition.output_dir, repetition, settings=repetition.overrides)]

    def _measurements(self) -> Iterable[Task]:
        """Runs without a network that the extraction of features waits for."""
        return ()

    def _quick_tables(self) -> Iterable[Path]:
        """Tables of measurements that take seconds, whose faults are found before any pre-training."""
        return ()

    def _report(self) -> Path:
        """Write the report of all runs."""
        raise NotImplementedError

    def _made_by(self, row: FineTuning | Probe, share: Share, fold: int) -> Path:
        """The last file of a run."""
        return row.predictions(share.root, fold)

    def _inputs(self, row: FineTuning | Probe, share: Share, fold: int) -> tuple[Path, ...]:
        """Files of other tasks that a run reads."""
        root = share.repetition.output_dir
        if isinstance(row, FineTuning):
            return self._start_file(root, row, fold)
        if row.start is None:
            return (row.table(self.output_dir, None),)
        modality = row.modality if row.start.per_modality else None
        return (self._table(root, row.start, modality, None if self.one_encoder else fold),)

    def _do(self, row: Any, share: Share, fold: int) -> None:
        """Train and judge a row."""
        self._fine_tune(row, share.root, fold, self._start(share.repetition, row, fold), **share.settings)

    def _check_stages(self) -> None:
        """Check values, the labels of each run, and create the smallest pre-training and training of each method."""
        self._check_values()
        if problems := list(self._problems()):
            raise InputError.of_rows(self.title, problems)
        repetition, fold = self._smallest(self.repetitions)
        smallest = min(self._shares(repetition), key=lambda share: share.fraction)

        def check(row: FineTuning, start: Path | None = None) -> None:
            done = self._made_by(row, smallest, fold)
            self._check_training(row, done, fold, self.training, start, **smallest.settings)

        part = None if self.one_encoder else fold
        for encoder in {each.folder: each for each in (*self._starts(), *self.encoders)}.values():
            with temporary_folder() as folder:
                weights = self._check_pretraining(smallest.repetition, encoder, part, folder)
                for row in self.trained:
                    if isinstance(row.start, Encoder) and row.start.folder == encoder.folder:
                        check(row, weights)
        for row in self.trained:
            if not isinstance(row.start, Encoder):
                check(row)

    def _check_values(self) -> None:
        """Refuse values of a wrong type, or that no run can use, before those of what depends on them.

        Raises:
            OptionError: the trainings have some.
        """
        from ...options import converted_options  # here, as --help needs no MONAI

        for stage in (PRETRAIN, self.training):
            whole = self.configs.ids(stage, *overlays_of(stage, self.overlays))
            ids = {name: value for name, value in whole.items() if "#" not in name}
            given = self.settings | self.of_stage.get(stage, {})
            converted_options(ids | {name: given[name] for name in given if name in ids}, self.configs.folder)

    def _problems(self) -> Iterator[str]:
        """A line for each training of a classifier that has too few labels."""
        for repetition, row in itertools.product(self.repetitions, self.trained if self.training == "train" else ()):
            parts = [(share.fraction, share.seed) for share in self._shares(repetition)]
            yield from self._check_labels(repetition, row, parts)

    @property
    def trained(self) -> list[FineTuning]:
        """Rows with a network that is trained on labels."""
        return [row for row in self.rows if isinstance(row, FineTuning)]

    def _starts(self) -> list[Encoder]:
        return [row.start for row in self.rows if isinstance(row.start, Encoder)]

    @staticmethod
    def _repeated(names: Sequence[str]) -> Iterator[str]:
        """A line if several rows have the same name."""
        if twice := sorted({name for name in names if names.count(name) > 1}):
            yield f"{', '.join(twice)}: found as several rows; expected one; set method in the overlays"
