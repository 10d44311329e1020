"""Segmentation networks from several starts, cross-validated and judged against one or more raters."""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from ...bundle_configs import PRETRAIN, Recipe
from ...datalist_json import read_datalist
from ...errors import InputError, OptionError
from ...files import write_atomically
from ...tasks import Task, Workers
from .comparison import Comparison, Share
from .methods import Encoder, FineTuning, Probe, part_name
from .read_methods import read_fine_tunings
from .repetitions import Repetition, repetitions, training_rows, write_images_only

__all__ = ["Segmentation"]

TRAINING, EVALUATION, TABLE = "train_segmentation", "evaluate_segmentation", "lesions.csv"
MASKS = "masks"  # folder of the predicted label maps beside the table
FEW = 10  # subjects under which a report says that an interval is rough


class Segmentation(Comparison):
    """Train and judge a segmentation network from each start on every fold, and pool the held-out cases.

    Start the same command again to continue after an interruption. Further options override ids of the configs in every
    stage that has them.

    The protocol is that of Cao et al. (2022), Table 2: the same network, trained from scratch and from encoders of
    several self-supervised methods, which see no labels. Of a cohort with several visits per patient, a patient is held
    out with all visits, and intervals are over patients.

    Args:
        bundle: name of the bundle, e.g. mlsscl_3d, or its folder.
        dataset_dir: folder of the cohort's ``datalist.json``.
        output_dir: folder for all outputs: ``<method>/fold<k>/`` and ``report/``.
        methods: starts: ``scratch``, ``pretrain`` or overlays of ``pretrain.yaml``; all are compared with the first.
        fold: folds to hold out one by one; by default all.
        raters: further datalists of the same images and folds, with the masks of other raters, by name; each network is
            judged by all raters, and the report's values are means over them.
        submission: name of the team. With it each network is trained on all subjects, too, and segments the datalist's
            section "testing" into ``<method>/all/submission/<subject>_<session>_<team>.nii``, as the server of ISBI
            2015 expects them.
        transductive: whether to pre-train once on all subjects, without their masks.
        pretraining_datalist: datalist of other subjects on which encoders are pre-trained once.
        overlays: further config files of the bundle for all stages, or ``<stage>:<overlay>`` for one, such as
            pretrain:unet.
        recipe: paper for the literal protocol of the bundle's paper, whose overlays come first, or default for ours.
        pretrain: ids of ``pretrain.yaml`` alone.
        train: ids of ``train_segmentation.yaml`` alone.
        workers: number of processes of this machine that run stages at the same time; with GPUs at most one for each.
        scheduler: address of a Dask scheduler whose workers run the stages instead, e.g. ``tcp://host:8786``.
        resources: resources of a worker of that cluster that each stage takes, e.g. "{GPU: 1}".
        **settings: ids of the configs and their values, for every stage that has them.

    Raises:
        OptionError: a setting is an id of no config.
        InputError: a method or overlay is unknown, or raters have other subjects or folds.
    """

    title, training = "segmentation", TRAINING

    def __init__(
        self,
        bundle: str | Path,
        dataset_dir: str | Path,
        output_dir: str | Path,
        methods: Sequence[str] = ("scratch",),
        fold: Sequence[int] = (),
        raters: Mapping[str, str] | None = None,
        submission: str = "",
        transductive: bool = False,
        pretraining_datalist: str | Path | None = None,
        overlays: Sequence[str] = (),
        recipe: Recipe = "default",
        pretrain: Mapping[str, Any] | None = None,
        train: Mapping[str, Any] | None = None,
        workers: int = 1,
        scheduler: str | None = None,
        resources: Mapping[str, float] | None = None,
        **settings: Any,
    ) -> None:
        super().__init__(
            *(bundle, dataset_dir, output_dir),
            overlays=overlays,
            recipe=recipe,
            transductive=transductive,
            pretraining_datalist=pretraining_datalist,
            settings={"quiet": True, **settings},
            of_stage={PRETRAIN: pretrain or {}, TRAINING: train or {}},
            workers=Workers(workers, scheduler, resources or {}),
        )
        (whole,), _ = repetitions(self.datalist, self.output_dir, (), None)
        self.repetition = replace(whole, folds=tuple(fold)) if fold else whole
        self.repetitions = [self.repetition]
        self.rows: Sequence[FineTuning] = list(read_fine_tunings(self.configs, methods, self.modalities))
        self.raters = {name: Path(path).resolve() for name, path in (raters or {}).items()}
        self.submission = submission
        self._check()

    def tasks(self) -> Iterator[Task]:
        """All parts of the comparison by the files that they make, each after those that it needs."""
        yield from super().tasks()
        for row, fold, rater in itertools.product(self.rows, self.repetition.folds, self.raters):
            yield Task(
                f"{row.name}, {part_name(fold)}, rater {rater}",
                self._table_of(row, fold, rater),
                partial(self._judge, row, fold, rater),
                needs=(self._table_of(row, fold, None),),
            )
        if self.submission:
            yield from self._submissions()

    def _check_stages(self) -> None:
        """Check the masks of further raters too, which are read after the first training otherwise."""
        super()._check_stages()
        row, fold = self.rows[0], self.repetition.folds[0]
        for rater, path in self.raters.items():
            if not all(self._table_of(row, fold, rater).is_file() for row in self.rows):
                overlays = [self.configs.path(name) for name in row.overlays]
                self._check_run(f"rater {rater}", TRAINING, overlays, fold=fold, datalist=str(path))

    def _submissions(self) -> Iterator[Task]:
        """Networks of all subjects, and their masks of the test set."""
        if not self.one_encoder:
            for encoder in {r.start.folder: r.start for r in self.rows if isinstance(r.start, Encoder)}.values():
                path = encoder.checkpoint(self.output_dir, None, None)
                run = partial(self._pretrain, self.repetition, encoder, None, None)
                yield Task(f"pre-training {encoder.name}, all", path, run)
        for row in self.rows:
            done = self.output_dir / row.folder / "all" / f"submission/{self.submission}.json"
            needs = self._start_file(self.output_dir, row, None)
            yield Task(f"{row.name}, submission", done, partial(self._submit, row, done), needs)

    def _submit(self, row: FineTuning, done: Path) -> None:
        if done.is_file():
            return
        from .challenge import write_submission

        folder, overlays = done.parents[1], [self.configs.path(name) for name in row.overlays]
        start = next(map(str, self._start_file(self.output_dir, row, None)), None)
        self._run(TRAINING, overlays, all_subjects=True, pretrained_encoder=start, output_dir=str(folder))
        weights = {"checkpoint": str(folder / "model.pt"), "torchscript": str(folder / "segmenter.ts")}
        self._run(EVALUATION, overlays, all_subjects=True, **weights, output_dir=str(folder), run_id="exporting")
        names = write_submission(folder, self.dataset_dir, self.datalist, done.parent, self.submission)
        write_atomically(done, json.dumps(names, indent=1))

    def _made_by(self, row: FineTuning | Probe, share: Share, fold: int) -> Path:
        return self._table_of(row, fold, None)

    def _do(self, row: Any, share: Share, fold: int) -> None:
        if self._table_of(row, fold, None).is_file():
            return
        overlays = [self.configs.path(name) for name in row.overlays]
        start = self._start(share.repetition, row, fold)
        self._run(TRAINING, overlays, fold=fold, **start, output_dir=str(self._folder(row, fold)))
        self._judge(row, fold, None)

    def _judge(self, row: FineTuning, fold: int, rater: str | None) -> None:
        table = self._table_of(row, fold, rater)
        if table.is_file():
            return
        masks = {"datalist": str(self.raters[rater])} if rater else {"masks": str(table.parent / MASKS)}
        paths = {"checkpoint": str(self._folder(row, fold) / "model.pt"), "output_dir": str(table.parent)}
        self._run(EVALUATION, [self.configs.path(name) for name in row.overlays], fold=fold, **masks, **paths)

    def _cohort(self, repetition: Repetition, fold: int | None, modality: str | None) -> dict[str, Any]:
        """Settings for the subjects of a pre-training: the images of the cohort, without their masks."""
        images = write_images_only(self.datalist, self.output_dir / "images.json")
        return {**super()._cohort(repetition, fold, modality), "datalist": str(images)}

    def _folder(self, row: FineTuning | Probe, fold: int) -> Path:
        return self.output_dir / row.folder / part_name(fold)

    def _table_of(self, row: FineTuning | Probe, fold: int, rater: str | None) -> Path:
        return self._folder(row, fold) / ("evaluate" if rater is None else f"evaluate_{rater}") / TABLE

    def _report(self) -> Path:
        import pandas as pd

        from ...feature_table import read_table
        from ..reports.lesion_report import write_lesion_report

        names: list[str | None] = [None, *self.raters]
        found: dict[str | None, dict[str, pd.DataFrame]] = {
            rater: {
                row.name: pd.concat(
                    [
                        read_table(self._table_of(row, fold, rater), ("subject", "session"))
                        for fold in self.repetition.folds
                    ],
                    ignore_index=True,
                )
                for row in self.rows
            }
            for rater in names
        }
        report = self.output_dir / "report"
        if self.raters:
            for rater, tables in found.items():
                write_lesion_report(tables, report / f"rater_{rater or 'datalist'}", notes=self._notes())
        pooled = {
            row.name: pd.concat([found[rater][row.name] for rater in names], ignore_index=True) for row in self.rows
        }
        write_lesion_report(pooled, report, notes=self._notes(both=bool(self.raters)))
        return report / "report.md"

    def _notes(self, both: bool = False) -> list[str]:
        subjects = {str(row["subject"]) for row in training_rows(self.datalist)}
        notes = [f"Held-out cases of {len(self.repetition.folds)} folds, pooled; each network saw none of its cases."]
        if len(self.repetition.folds) == len(subjects):
            notes.append(
                f"A fold is one patient: the {len(subjects)} networks of a row differ in training and test patients, "
                "and a deviation over folds is one over patients, not over repeated trainings."
            )
        if len(subjects) < FEW:
            notes.append(
                f"**{len(subjects)} patients are too few for an interval to hold**: a bootstrap over so few is narrow."
            )
        if both:
            notes.append(f"Means over {len(self.raters) + 1} raters; the folders rater_* have a report for each.")
        if self.transductive:
            notes.append("Encoders were pre-trained on the images of all patients, held-out ones too.")
        if self.elsewhere:
            notes.append("Encoders were pre-trained on subjects of another datalist.")
        return notes

    def _identity(self) -> dict[str, Any]:
        raters = {name: str(path) for name, path in self.raters.items()}
        return {**super()._identity(), "transductive": self.transductive, "raters": raters, **self.of_stage}

    def _check(self) -> None:
        if self.submission and not read_datalist(self.datalist).get("testing"):
            raise InputError(f"{self.datalist}: no section testing; submission needs its images; leave it out")
        if unknown := list(self._unknown_ids((PRETRAIN, TRAINING, EVALUATION))):
            raise OptionError.of_rows("segmentation", unknown)
        if lacking := sorted(set(self.repetition.folds) - {row.get("fold") for row in training_rows(self.datalist)}):
            raise InputError(f"{self.datalist}: fold: no rows of {lacking}; expected some; choose other folds")
        for problem in self._repeated([row.name for row in self.rows]):
            raise InputError(problem)
        expected = _places(self.datalist)
        for name, path in self.raters.items():
            if _places(path) != expected:
                raise InputError(
                    f"{path}: rater {name}: other subjects, sessions or folds than {self.datalist}; expected the same"
                )


def _places(datalist: Path) -> list[tuple[str, str, Any]]:
    rows = read_datalist(datalist).get("training", [])
    return sorted((str(row.get("subject")), str(row.get("session")), row.get("fold")) for row in rows)
