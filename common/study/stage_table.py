"""The stages of a study with their measured costs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ..bundle_configs import PRETRAIN, BundleConfigs, overlays_of
from ..evaluation.protocols.methods import Encoder, FineTuning, Probe
from .budget import Stage
from .measurement import StageCost, StageRun
from .plan import Plan
from .row_descriptions import Row, kind_of, study_rows

__all__ = ["CONSTANT", "StageTable", "training_config"]

CONSTANT = 60.0  # seconds of the report, the archive and its trial; ours, measured on small cohorts
SLICES = 0.1  # seconds of the slices of one volume by EfficientNet-Lite0, measured on one core
PROBE = 3.0  # seconds of a logistic regression with its choice of the penalty


def training_config(task: str) -> str:
    """The config that trains for a task."""
    return "train" if task == "classification" else "train_segmentation"


@dataclass(frozen=True)
class StageTable:
    """Stages of the rows of a plan.

    Args:
        configs: configs of the bundle.
        plan: plan whose rows, folds, seeds and settings count.
        rows: rows of the study's datalist.
        modalities: names of the cohort's modalities.
    """

    configs: BundleConfigs
    plan: Plan
    rows: Sequence[Mapping[str, Any]]
    modalities: Sequence[str]

    def read(self) -> list[tuple[str, Row]]:
        """Text and row of each method, see :func:`~common.study.row_descriptions.study_rows`."""
        return study_rows(self.configs, self.plan, self.modalities)

    def to_measure(self, device: str) -> list[StageRun]:
        """One run for each pre-training, and for each set of overlays of the training; a training first, if any."""
        runs: dict[str, StageRun] = {}
        for _, row in self.read():
            if isinstance(row.start, Encoder):
                run = self._run(PRETRAIN, _overlays(row.start), device)
                runs[run.key] = run
            if isinstance(row, FineTuning):
                run = self._run(training_config(self.plan.task), row.overlays, device)
                runs[run.key] = run
        return sorted(runs.values(), key=lambda run: run.key.startswith(PRETRAIN))

    def stages(self, costs: Mapping[str, StageCost], radiomics: float) -> Iterator[Stage]:
        """Stages of all rows.

        Args:
            costs: result of :func:`~common.study.measurement.measure_stages`.
            radiomics: seconds to measure the traditional features of an image.
        """
        plan, folds, found = self.plan, len(self.plan.folds), self.read()
        repeats = folds * len(plan.seeds) * len(plan.fractions)
        pretrained = folds * (len(plan.seeds) if plan.vary_pretraining else 1)
        yield Stage("report, archive, trial", "other", frozenset(), 1, seconds=CONSTANT)
        measures = frozenset(text for text, row in found if kind_of(row) == "radiomics")
        if measures:
            yield Stage("radiomics", "other", measures, 1, seconds=radiomics * len(self.rows))
        sliced = frozenset(text for text, row in found if kind_of(row) == "imagenet_slices")
        if sliced:
            volumes = len(self.rows) * max(len(self.modalities), 1)
            yield Stage("ImageNet slices", "other", sliced, 1, seconds=SLICES * volumes)
        encoders = {row.start.folder: row.start for _, row in found if isinstance(row.start, Encoder)}
        for folder, encoder in encoders.items():
            of = [(text, row) for text, row in found if isinstance(row.start, Encoder) and row.start.folder == folder]
            cost = costs[self._key(PRETRAIN, _overlays(encoder))]
            names, runs = frozenset(text for text, _ in of), len(encoder.runs)
            images = self._images(labelled=False)
            epochs = self._epochs(PRETRAIN, *_overlays(encoder))
            what = f"pre-training {encoder.name}"
            everyone = len(self.rows)
            yield Stage(
                what, PRETRAIN, names, pretrained * runs, self._final, images, everyone, epochs=epochs, cost=cost
            )
            probes = frozenset(text for text, row in of if isinstance(row, Probe))
            if probes:
                seconds = cost.setup + len(self.rows) * (cost.load + 0.4 * cost.step / max(cost.images, 1))
                what, number = f"features and probes of {encoder.name}", pretrained * runs
                yield Stage(what, "other", probes, number, seconds=seconds + PROBE)
        for text, row in found:
            if isinstance(row, FineTuning):
                yield self._training(text, row, repeats, costs)

    def _training(self, text: str, row: FineTuning, repeats: int, costs: Mapping[str, StageCost]) -> Stage:
        images = self._images(labelled=True)
        share = float(self.plan.train.get("validation_fraction", self._default("validation_fraction") or 0))
        config = training_config(self.plan.task)
        interval = self.plan.train.get("val_interval", self._default("val_interval")) or 1
        return Stage(
            what=f"training {row.name}",
            kind="train",
            methods=frozenset([text]),
            runs=repeats,
            final_runs=self._final,
            images=round(images * (1 - share)),
            final_images=sum(row.get("label") is not None for row in self.rows),
            evaluated=images // max(len(self.plan.folds) - 1, 1),
            validated=round(images * share / interval),
            epochs=self._epochs(config, *row.overlays),
            cost=costs[self._key(config, row.overlays)],
        )

    @property
    def _final(self) -> int:
        return 1 if self.plan.final["kind"] == "all" and self.plan.test_datalist is None else 0

    def _images(self, labelled: bool) -> int:
        """Number of images of a run, with a fold held out."""
        folds = [row["fold"] for row in self.rows if not labelled or row.get("label") is not None]
        held_out = max(folds.count(fold) for fold in self.plan.folds)
        return max(1, len(folds) - held_out)

    def _epochs(self, config: str, *overlays: str) -> int:
        ids = self.configs.ids(config, *overlays_of(config, self.plan.overlays), *overlays)
        of_stage = self.plan.pretrain if config == PRETRAIN else self.plan.train
        return int(of_stage.get("max_epochs", self.plan.settings.get("max_epochs", ids["max_epochs"])))

    def _default(self, name: str) -> Any:
        config = training_config(self.plan.task)
        return self.configs.ids(config, *overlays_of(config, self.plan.overlays)).get(name)

    def _key(self, config: str, overlays: Sequence[str]) -> str:
        return " + ".join([config, *overlays])

    def _run(self, config: str, overlays: Sequence[str], device: str) -> StageRun:
        every = [*overlays_of(config, self.plan.overlays), *overlays]
        names = [*self.configs.files(config), *map(self.configs.path, every)]
        of_stage = self.plan.pretrain if config == PRETRAIN else self.plan.train
        ids = self.configs.ids(config, *every)
        whole = {"transductive": True, "all_subjects": True, "pretrained_encoder": None, "validation_fraction": 0.0}
        settings = {**({"modalities": list(self.modalities)} if self.modalities else {}), **self.plan.settings}
        overrides = {**settings, **of_stage, **whole, "device": device, "quiet": True}
        own = {key: value for key, value in overrides.items() if key.split("#")[0] in ids}
        size = {**ids, **own}.get("batch_size")
        own["dataset_dir"] = self.plan.dataset_dir
        return StageRun(self._key(config, overlays), tuple(names), own, size if isinstance(size, int) else 1)

    def for_measurement(self) -> list[dict[str, Any]]:
        """Rows for the measured runs: two batches of the largest one, the classes in turn."""
        sizes = [int(part.get("batch_size", 0)) for part in (self.plan.pretrain, self.plan.train, self.plan.settings)]
        default = [
            int(self.configs.ids(name).get("batch_size") or 0) for name in (PRETRAIN, training_config(self.plan.task))
        ]
        number = 2 * max(8, *sizes, *(default if not any(sizes) else [0]))
        labelled = [dict(row) for row in self.rows if row.get("label") is not None]
        if self.plan.task == "segmentation":
            return labelled[:number]
        by_class: dict[int, list[dict[str, Any]]] = {}
        for row in labelled:
            by_class.setdefault(row["label"], []).append(row)
        turns = [rows[place] for place in range(len(labelled)) for rows in by_class.values() if place < len(rows)]
        return turns[:number]


def _overlays(encoder: Encoder) -> list[str]:
    """What lies over ``pretrain.yaml`` for an encoder, which may be that config itself."""
    return [] if encoder.overlay == PRETRAIN else [encoder.overlay]
