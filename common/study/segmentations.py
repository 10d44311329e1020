"""The comparison of segmenters: each method trained and judged on each fold."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from ..bundle_configs import PRETRAIN
from ..errors import OptionError
from ..evaluation.protocols.methods import Encoder, FineTuning, part_name
from ..evaluation.protocols.read_methods import read_fine_tunings
from ..evaluation.protocols.repetitions import Repetition
from ..evaluation.protocols.stages import Stages
from ..locks import locked
from .runs import Run, run_all

__all__ = ["Segmentations"]

TRAIN, EVALUATE = "train_segmentation", "evaluate_segmentation"


class Segmentations(Stages):
    """Pre-train, train and judge segmenters on each fold, and write one report of their held-out predictions.

    Args:
        bundle: name of the bundle, or its folder.
        dataset_dir: folder of the cohort.
        output_dir: folder for all outputs: ``<encoder>/fold<k>/``, ``<row>/fold<k>/evaluate/lesions.csv``, ``report/``.
        methods: rows ``<start>[+<overlay>...]``; all are compared with the first.
        folds: folds to hold out one by one.
        overlays: further config files of the bundle for all stages.
        pretrain: ids of the pre-training alone.
        train: ids of ``train_segmentation.yaml`` alone.
        **settings: ids of the configs and their values, for every stage that has them.

    Raises:
        OptionError: a setting is an id of no config.
        InputError: a method or overlay is unknown.
    """

    def __init__(
        self,
        bundle: str | Path,
        dataset_dir: str | Path,
        output_dir: str | Path,
        methods: Sequence[str],
        folds: Sequence[int],
        overlays: Sequence[str] = (),
        pretrain: Mapping[str, Any] | None = None,
        train: Mapping[str, Any] | None = None,
        **settings: Any,
    ) -> None:
        super().__init__(
            *(bundle, dataset_dir, output_dir),
            overlays=overlays,
            settings={"quiet": True, **settings},
            of_stage={PRETRAIN: pretrain or {}, TRAIN: train or {}},
        )
        self.repetition = Repetition(self.output_dir, tuple(folds))
        self.rows: list[FineTuning] = list(read_fine_tunings(self.configs, methods, self.modalities))
        if unknown := list(self._unknown_ids((PRETRAIN, TRAIN, EVALUATE))):
            raise OptionError.of_rows("plan", unknown)

    def runs(self) -> Iterator[Run]:
        """Runs of all methods, each after the one that it starts from."""
        starts = {row.start.folder: row.start for row in self.rows if isinstance(row.start, Encoder)}
        for encoder in starts.values():
            for fold in self.repetition.folds:
                what = f"pre-training {encoder.name}, {part_name(fold)}"
                call = partial(self._pretrain, self.repetition, encoder, None, fold)
                yield Run(what, encoder.checkpoint(self.output_dir, fold, None), call)
        for fold in self.repetition.folds:
            for row in self.rows:
                yield Run(f"{row.name}, {part_name(fold)}", self._table_of(row, fold), partial(self._judge, row, fold))

    def run(self) -> Path:
        """Run all that is not done.

        Returns:
            The report, ``<output_dir>/report/report.md``.
        """
        with locked(self.output_dir):
            self._check_identity()
            run_all(self.runs(), self._keep_identity)
            return self._report()

    def _table_of(self, row: FineTuning, fold: int | str) -> Path:
        return row.predictions(self.output_dir, fold).with_name("lesions.csv")

    def _judge(self, row: FineTuning, fold: int) -> None:
        table, checkpoint = self._table_of(row, fold), row.checkpoint(self.output_dir, fold)
        overlays = [self.configs.path(name) for name in row.overlays]
        start = self._start(self.repetition, row, fold)
        self._run(TRAIN, overlays, fold=fold, **start, output_dir=str(checkpoint.parent))
        paths = {"checkpoint": str(checkpoint), "output_dir": str(table.parent)}
        self._run(EVALUATE, overlays, fold=fold, **paths)

    def _report(self) -> Path:
        import pandas as pd

        from ..evaluation.reports.lesion_report import write_lesion_report
        from ..feature_table import read_table

        report, tables = self.output_dir / "report", {}
        for row in self.rows:
            parts = [read_table(self._table_of(row, fold), ("subject", "session")) for fold in self.repetition.folds]
            tables[row.name] = pd.concat(parts, ignore_index=True)
        write_lesion_report(tables, report)
        return report / "report.md"

    def _identity(self) -> dict[str, Any]:
        return {**super()._identity(), **self.of_stage}
