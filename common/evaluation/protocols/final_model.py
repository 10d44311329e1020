"""From a chosen method to its final model: judged by fold, calibrated on what no fold saw, trained on everybody."""

from __future__ import annotations

import logging
import shutil
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any, Literal

from ...bundle_configs import PRETRAIN, Recipe
from ...errors import InputError, OptionError
from ...tasks import Task, Workers
from .comparison import Comparison, Share
from .methods import Encoder, FineTuning, Probe, part_name
from .read_methods import read_fine_tunings
from .repetitions import Repetition, repetitions, write_images_only

__all__ = ["FinalModel"]

logger = logging.getLogger(__name__)
#: By task, the configs that train and judge, and the table that judging writes.
TASKS = {
    "classification": ("train", "evaluate", "predictions.csv"),
    "segmentation": ("train_segmentation", "evaluate_segmentation", "lesions.csv"),
}


class FinalModel(Comparison):
    """Judge one method by cross-validation, calibrate it, and train it on all labelled subjects: the model to deploy.

    Start the same command again to continue after an interruption. Further options override ids of the configs in every
    stage that has them, e.g. --image_size "[96,96]" --device cpu.

    Pre-training, if the method has one, training and evaluation are done once without each fold, then pre-training and
    training once more on everybody, the last epoch of which is kept. The report is of the predictions of held-out folds
    together, and so is the calibration: the final model itself is judged on nobody, as no labelled subject is left. It
    is expected to be at least as good, having seen more.

    Args:
        bundle: name of the bundle, e.g. siam3d_imbalance, or its folder.
        dataset_dir: folder of the cohort's ``datalist.json``.
        output_dir: folder for all outputs: ``<method>/fold<k>/``, ``report/`` and ``final/`` with ``model.pt``,
            ``metrics.json`` and, for classifiers that can be calibrated, ``calibration.json``.
        method: row ``<start>[+<overlay>...]``: the start is ``scratch``, ``imagenet``, ``pretrain`` or an overlay of
            ``pretrain.yaml``; overlays are those of ``train.yaml``.
        task: "classification", or "segmentation" by ``train_segmentation.yaml``.
        transductive: whether to pre-train once on all subjects, without their labels, instead of once for each fold.
        overlays: further config files of the bundle for all stages, or for one, such as pretrain:paper.
        recipe: paper for the literal protocol of the bundle's paper, whose overlays come first, or default for ours.
        pretrain: ids of the pre-training alone, e.g. "{max_epochs: 100}".
        train: ids of the training alone, e.g. "{max_epochs: 20, learning_rate: 0.001}".
        target_accuracy: accuracy that called cases must reach, e.g. 0.9; by default all are called.
        workers: number of processes of this machine that run stages at the same time, each with its share of the cores;
            with GPUs at most one for each of them.
        scheduler: address of a Dask scheduler whose workers run the stages instead, e.g. ``tcp://host:8786``.
        resources: what each stage takes of a worker of that cluster, e.g. "{GPU: 1}".
        **settings: ids of the configs and their values, for every stage that has them.

    Raises:
        OptionError: for a setting that is an id of no config.
        InputError: for an unknown method or overlay, or when ``output_dir`` holds another run.
    """

    title = "final model"

    def __init__(
        self,
        bundle: str | Path,
        dataset_dir: str | Path,
        output_dir: str | Path,
        method: str = "scratch",
        task: Literal["classification", "segmentation"] = "classification",
        transductive: bool = False,
        overlays: Sequence[str] = (),
        recipe: Recipe = "default",
        pretrain: Mapping[str, Any] | None = None,
        train: Mapping[str, Any] | None = None,
        target_accuracy: float | None = None,
        workers: int = 1,
        scheduler: str | None = None,
        resources: Mapping[str, float] | None = None,
        **settings: Any,
    ) -> None:
        self.task, self.target_accuracy = task, target_accuracy
        self.training, self.evaluation, self.table = TASKS[task]
        of_stage = {PRETRAIN: pretrain or {}, self.training: train or {}}
        super().__init__(
            *(bundle, dataset_dir, output_dir),
            overlays=overlays,
            recipe=recipe,
            transductive=transductive,
            settings={"quiet": True, **settings},
            of_stage=of_stage,
            workers=Workers(workers, scheduler, resources or {}),
        )
        self.repetitions, _ = repetitions(self.datalist, self.output_dir, (), None)
        (self.repetition,) = self.repetitions
        rows = list(read_fine_tunings(self.configs, [method], self.modalities))
        if len(rows) != 1:
            raise InputError(f"{method}: found {len(rows)} networks, one for each modality; expected one; name another")
        self.rows, self.row = rows, rows[0]
        if unknown := list(self._unknown_ids((PRETRAIN, self.training, self.evaluation))):
            raise OptionError.of_rows("final model", unknown)
        self._check_weights(rows)

    def _problems(self) -> Iterator[str]:
        if self.task == "classification":
            yield from self._check_labels(self.repetition, self.row, folds=(*self.repetition.folds, None))

    def tasks(self) -> Iterator[Task]:
        """All parts by the files that they make; all subjects come last, but for an encoder that all folds share."""
        folds = self.repetition.folds
        for fold in (None, *folds) if self.transductive else (*folds, None):
            yield from self._tasks_without(fold)

    def _tasks_without(self, fold: int | None) -> Iterator[Task]:
        """Pre-training, if it is of this fold alone, and training without a fold; with everybody for ``None``."""
        if isinstance(self.row.start, Encoder) and not (self.transductive and fold is not None):
            run = (self.repetition, self.row.start, None, fold)
            what = f"pre-training {self.row.start.name}, {part_name(fold)}"
            yield Task(what, self._encoder_of(fold)[0], partial(self._pretrain, *run))
        training = partial(self._train, fold)
        yield Task(f"{self.row.name}, {part_name(fold)}", self._made_without(fold), training, self._encoder_of(fold))

    def _cohort(self, repetition: Repetition, fold: int | None, modality: str | None) -> dict[str, Any]:
        """Settings for the subjects of a pre-training, which has no use for label maps."""
        found = super()._cohort(repetition, fold, modality)
        if self.task == "segmentation":
            found["datalist"] = str(write_images_only(self.datalist, self.output_dir / "images.json"))
        return found

    def _made_by(self, row: FineTuning | Probe, share: Share, fold: int) -> Path:
        return self._made_without(fold)

    def _made_without(self, fold: int | None) -> Path:
        """Last file of a training: a table of its held-out fold, or a mark if there is none."""
        folder = self.output_dir / self.row.folder / part_name(fold)
        return folder / ("done" if fold is None else f"evaluate/{self.table}")

    def _encoder_of(self, fold: int | None) -> tuple[Path, ...]:
        """The encoder's weights from which a training starts, if it starts from some."""
        return self._start_file(self.output_dir, self.row, fold)

    def _train(self, fold: int | None) -> None:
        folder, done = self.output_dir / self.row.folder / part_name(fold), self._made_without(fold)
        if done.is_file():
            return
        overlays = [self.configs.path(name) for name in self.row.overlays]
        start = self._start_of(fold)
        whom = {"fold": fold} if fold is not None else {"all_subjects": True, **self._no_validation()}
        self._run(self.training, overlays, **whom, **start, output_dir=str(folder))
        if fold is None:
            done.touch()
        else:
            paths = {"checkpoint": str(folder / "model.pt"), "output_dir": str(done.parent)}
            self._run(self.evaluation, overlays, **whom, **paths)

    def _no_validation(self) -> dict[str, Any]:
        """Settings by which the final training fits all labelled subjects and keeps its last epoch.

        ``validation_fraction`` that is typed stays, one of an overlay does not.
        """
        typed = {**self.settings, **self.of_stage[self.training]}
        return {} if "validation_fraction" in typed else {"validation_fraction": 0.0}

    def _start_of(self, fold: int | None) -> dict[str, Any]:
        for checkpoint in self._encoder_of(fold):
            return {"pretrained_encoder": str(checkpoint)}
        return self._start(self.repetition, self.row, 0)

    def _report(self) -> Path:
        """The report and the calibration of the held-out folds, and the files of the final model in one folder."""
        from ...data import class_names
        from ..reports.calibration_report import write_calibration
        from ..reports.lesion_report import write_lesion_report
        from ..reports.report import write_report
        from ..statistics.calibration_rows import read_calibration_rows
        from ..statistics.calibration_summary import judge_calibration

        folder, report, final = (self.output_dir / name for name in (self.row.folder, "report", "final"))
        held_out = [folder / part_name(fold) / "evaluate" / self.table for fold in self.repetition.folds]
        final.mkdir(parents=True, exist_ok=True)
        if self.task == "classification":
            pooled = {self.row.name: str(folder / "fold{fold}" / "evaluate" / self.table)}
            note = "The encoder was pre-trained on the images, not the labels, of all subjects, held-out ones too."
            notes = [note] if self.transductive and isinstance(self.row.start, Encoder) else []
            write_report(pooled, report, classes=class_names(self.datalist), notes=notes)
            try:
                judged = judge_calibration(read_calibration_rows(held_out), self.target_accuracy)
            except InputError as error:  # such as a classifier at chance level: its weights and scores are still of use
                logger.warning(f"without a calibration.json: {error}")
            else:
                write_calibration(judged, final / "calibration.json")
        else:
            import pandas as pd

            from ...feature_table import read_table

            tables = [read_table(path, ("subject", "session")) for path in held_out]
            write_lesion_report({self.row.name: pd.concat(tables, ignore_index=True)}, report)
        shutil.copyfile(report / "metrics.json", final / "metrics.json")
        for file in (folder / "all").glob("*"):
            if file.name in ("model.pt", "scaling.json"):
                shutil.copyfile(file, final / file.name)
        return final / "model.pt"

    def _identity(self) -> dict[str, Any]:
        return {
            **super()._identity(),
            "method": self.row.folder,
            "task": self.task,
            "transductive": self.transductive,
            **self.of_stage,
        }
