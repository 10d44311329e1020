"""The configs of a bundle as stages of a comparison."""

from __future__ import annotations

import gc
import itertools
import json
from collections.abc import Collection, Container, Iterable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ...bundle_configs import PRETRAIN, BundleConfigs
from ...errors import InputError, root_cause
from ...files import write_atomically
from ...tasks import Cost, Task, Workers, run_tasks
from ...temporary import temporary_folder
from .costs import keep_cost
from .label_checks import label_problems
from .methods import Encoder, FineTuning, part_name
from .repetitions import Repetition, modality_names, subjects_of, training_rows

if TYPE_CHECKING:
    from monai.bundle import ConfigParser, ConfigWorkflow

__all__ = ["Stages"]

#: Id of the table of traditional features, which not all bundles have.
TRADITIONAL = "traditional_table"
#: Configs that a comparison runs.
STAGES = (
    *("pretrain", "extract_features", "linear_probe", "train", "evaluate"),
    *("train_segmentation", "evaluate_segmentation"),
)


class Stages:
    """Stages for each method of a comparison, each run only if its outputs do not exist yet.

    Args:
        bundle: name of the bundle, or its folder.
        dataset_dir: folder of the cohort's ``datalist.json``.
        output_dir: folder for all outputs.
        overlays: further config files of the bundle for all stages, such as ``brats`` or ``lung``, or for one as
            ``<stage>:<overlay>``, such as ``pretrain:paper``.
        transductive: whether encoders are pre-trained once on all subjects instead of once for each fold.
        pretraining_datalist: datalist of other subjects on which encoders are pre-trained once instead.
        settings: config ids and their values, for every stage that has them.
        of_stage: config ids and their values for a single stage, by its name.
        held_out: folds that are held out one by one, by default all; subjects of the others may be in
            ``pretraining_datalist`` too.
        workers: where the stages run; by default in this process, one after the other. They change no result, so a
            comparison may be continued with others.

    Raises:
        InputError: there is no datalist, or a subject is in both datalists.
    """

    def __init__(
        self,
        bundle: str | Path,
        dataset_dir: str | Path,
        output_dir: str | Path,
        *,
        overlays: Sequence[str] = (),
        transductive: bool = False,
        pretraining_datalist: str | Path | None = None,
        settings: Mapping[str, Any] | None = None,
        of_stage: Mapping[str, Mapping[str, Any]] | None = None,
        workers: Workers | None = None,
        held_out: Collection[int] | None = None,
    ) -> None:
        self.workers = workers or Workers()
        self.configs = BundleConfigs(bundle)
        self.dataset_dir, self.output_dir = Path(dataset_dir).resolve(), Path(output_dir).resolve()
        self.transductive, self.settings = transductive, dict(settings or {})
        self.datalist = Path(self.settings.get("datalist") or self.dataset_dir / "datalist.json").resolve()
        self.overlays = [self.configs.path(name) for name in overlays if not _stage_of(name)]
        self.stage_overlays = [tuple(name.split(":", 1)) for name in overlays if _stage_of(name)]
        for _, name in self.stage_overlays:
            self.configs.path(name)
        self.of_stage = {stage: dict(ids) for stage, ids in (of_stage or {}).items()}
        self.modalities = modality_names(self.datalist)
        self.elsewhere = None if pretraining_datalist is None else Path(pretraining_datalist).resolve()
        self.one_encoder = transductive or self.elsewhere is not None  # for all folds
        self._check_elsewhere(held_out)

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

    def _overlays_of(self, encoder: Encoder) -> list[str]:
        return [] if encoder.overlay == PRETRAIN else [self.configs.path(encoder.overlay)]

    def _check_pretraining(self, repetition: Repetition, encoder: Encoder, fold: int | None) -> None:
        """Check the sizes of a pre-training, such as SE's candidates, against its cohort."""
        modality = encoder.runs[0]
        if not encoder.checkpoint(repetition.output_dir, fold, modality).is_file():
            elsewhere = {"datalist": str(self.elsewhere)} if self.elsewhere else {}
            cohort = {**self._cohort(repetition, fold, modality), **elsewhere, **encoder.settings}
            self._check_run(f"pre-training {encoder.name}", PRETRAIN, self._overlays_of(encoder), **cohort)

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
        """A line for each fold of a fine-tuning that leaves too few labels of a class, or to choose the epoch.

        Args:
            repetition: repetition with its folds.
            row: fine-tuning with its overlays.
            labels: label fractions and the seeds for their choice, by default the settings'.
            folds: held-out folds, by default those of the repetition.
        """
        own = [name for stage, name in self.stage_overlays if stage == "train"]
        ids = self.configs.ids("train", *self.overlays, *own, *row.overlays)
        ids |= self.settings | self.of_stage.get("train", {})
        found = {name: ids.get(name) for name in ("validation_fraction", "label_fraction", "label_seed", "seed")}
        plain = {name: value for name, value in found.items() if isinstance(value, int | float)}
        rows = training_rows(self._datalist_of(repetition))
        validation = {name: plain[name] for name in ("validation_fraction", "seed") if name in plain}
        for fraction, seed in labels or [(plain.get("label_fraction", 1.0), plain.get("label_seed", 0))]:
            part = {"fraction": fraction, "label_seed": seed, **validation}
            for problem in label_problems(rows, folds or repetition.folds, **part):
                yield f"{repetition.name}{row.name}, {problem}"

    def _check_training(self, row: FineTuning, root: Path, fold: int, **ids: Any) -> None:
        """Check the labels of a fine-tuning: a subject of each class, enough of them to choose the epoch."""
        if not row.predictions(root, fold).is_file():
            ids |= {"fold": fold, **({"modality": row.modality} if row.modality else {})}
            self._check_run(row.name, "train", [self.configs.path(name) for name in row.overlays], **ids)

    def _check_run(self, what: str, stage: str, overlays: Iterable[str], **overrides: Any) -> None:
        """Create a training or probe without voxels, weights or tables, so that its problems are reported at once.

        Raises:
            InputError: it cannot be created.
        """
        with temporary_folder() as folder:
            lazy = {"cache_rate": 0.0, "cache": "none", "pretrained_encoder": None, "pretrained_weights": None}
            lazy |= {"device": "cpu", "quiet": True, "output_dir": str(folder)}
            try:
                workflow = self._workflow(stage, overlays, {**overrides, **lazy}, optional=lazy)
                workflow.initialize()
                part = "train#trainer" if "train" in workflow.parser else "probe"
                if part.split("#")[0] in workflow.parser:
                    workflow.parser.get_parsed_content(part)
            except Exception as error:
                if isinstance(cause := root_cause(error), InputError):
                    raise InputError(f"{what}: {cause}") from None
                raise

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

    def config_of(self, stage: str, overlays: Iterable[str] = ()) -> ConfigParser:
        """The config of a stage with the settings of this comparison; nothing of it has been created.

        Args:
            stage: name of the config.
            overlays: overlays of a row, by name.
        """
        return self._workflow(stage, [self.configs.path(name) for name in overlays], {}).parser

    def run_stage(self, stage: str, **overrides: Any) -> None:
        """Run a config of the bundle with the settings and overlays of this comparison, such as ``explain``.

        Args:
            stage: name of the config.
            **overrides: ids of the config and their values.
        """
        self._run(stage, [], **overrides)

    def _run(self, stage: str, overlays: Iterable[str], **overrides: Any) -> None:
        """Run one stage, as ``python -m monai.bundle run`` would, with the settings that its config has."""
        workflow = self._workflow(stage, overlays, overrides)
        workflow.initialize()
        workflow.run()
        workflow.finalize()
        del workflow
        gc.collect()  # frees the cohort in memory, to which the trainer's reference cycles refer

    def _workflow(
        self, stage: str, overlays: Iterable[str], overrides: Mapping[str, Any], optional: Container[str] = ()
    ) -> ConfigWorkflow:
        """One stage with its settings; overrides in ``optional`` are left out where its config does not have them."""
        from monai.bundle import ConfigParser, ConfigWorkflow  # here, as the probe's worker processes need neither

        own = [self.configs.path(name) for of, name in self.stage_overlays if of == stage]
        files = [*self.configs.files(stage), *self.overlays, *own, *overlays]
        known = ConfigParser.load_config_files(files)
        wanted = {**({"modalities": self.modalities} if self.modalities else {}), **self.settings}
        settings = {key: value for key, value in wanted.items() if key.split("#")[0] in known}
        settings |= self.of_stage.get(stage, {})
        settings |= {"quiet": True} if "quiet" in known and not self.workers.here else {}
        overrides = {
            key: value
            for key, value in overrides.items()
            if key in known or (key not in optional and key != TRADITIONAL)
        }
        return ConfigWorkflow(
            config_file=files,
            logging_file=str(self.configs.folder / "logging.conf"),
            workflow_type="train" if stage in (PRETRAIN, "train", "train_segmentation") else "infer",
            **{**settings, "dataset_dir": str(self.dataset_dir), **overrides},
        )

    def _cohort(self, repetition: Repetition, fold: int | None, modality: str | None) -> dict[str, Any]:
        """Settings for the subjects of a pre-training."""
        held_out = {"transductive": fold is None, "fold": repetition.folds[0] if fold is None else fold}
        return {**repetition.overrides, **held_out, **({"modality": modality} if modality else {})}

    def _start(self, repetition: Repetition, row: FineTuning, fold: int) -> dict[str, Any]:
        """Settings for the initial weights of ``train.yaml``."""
        for checkpoint in self._start_file(repetition.output_dir, row, fold):
            return {"pretrained_encoder": str(checkpoint)}
        random = row.start == "scratch" and "pretrained_weights" in self.configs.ids("train")
        return {"pretrained_encoder": None, **({"pretrained_weights": None} if random else {})}

    def _identity(self) -> dict[str, Any]:
        """Settings that must be equal in all runs of one comparison."""
        elsewhere = {"pretraining_datalist": str(self.elsewhere)} if self.elsewhere else {}
        overlays = [*self._names(self.overlays), *(":".join(each) for each in self.stage_overlays)]
        return {"settings": self.settings, "overlays": overlays, **elsewhere}

    def _names(self, overlays: Iterable[str]) -> list[str]:
        """Overlays of the bundle by name, so that its folder may be another one later; others by their path."""
        paths = [Path(path) for path in overlays]
        return [path.stem if path.parent == self.configs.folder else str(path) for path in paths]

    @property
    def _claim(self) -> Path:
        return self.output_dir / "settings.json"

    def _check_identity(self) -> None:
        """Refuse to mix two comparisons in one folder."""
        identity, path = self._plain_identity(), self._claim
        try:
            found = json.loads(path.read_text()) if path.is_file() else identity
            found |= {"overlays": self._names(found.get("overlays", ()))}  # earlier versions wrote paths
        except (AttributeError, TypeError, ValueError) as error:
            raise InputError(f"{path}: damaged ({error}); delete it, or name another output_dir") from None
        if changed := [name for name in sorted({*found, *identity}) if found.get(name) != identity.get(name)]:
            changes = ", ".join(f"{name} {found.get(name)} (now {identity.get(name)})" for name in changed)
            raise InputError(f"{path}: from another comparison: {changes}; name another output_dir")

    def _keep_identity(self) -> None:
        """Claim the folder for this comparison, once its first result is there."""
        if not self._claim.is_file():
            write_atomically(self._claim, json.dumps(self._plain_identity(), indent=1))

    def _plain_identity(self) -> dict[str, Any]:
        return json.loads(json.dumps(self._identity(), default=str))

    def _check_elsewhere(self, held_out: Collection[int] | None) -> None:
        """Check that pre-training sees no subject that is held out."""
        if self.elsewhere is None:
            return
        if self.transductive:
            raise InputError("transductive: found true beside pretraining_datalist, of other subjects; leave one out")
        found, tested = subjects_of(self.elsewhere), subjects_of(self.datalist, held_out)
        if both := sorted(found & tested):
            shown = ", ".join(both[:10]) + (" ..." if len(both) > 10 else "")
            raise InputError(
                f"{self.elsewhere}: {len(both)} subjects are in {self.datalist} too"
                f"{'' if held_out is None else ', in a fold that is held out'}: {shown}; take them out"
            )

    def _check_weights(self, rows: Iterable[FineTuning]) -> None:
        if any(row.start == "imagenet" for row in rows) and not self.settings.get("pretrained_weights"):
            raise InputError("imagenet without a file of weights; set pretrained_weights")

    def _unknown_ids(self, stages: Iterable[str], of_stage_only: bool = False) -> Iterator[str]:
        """Settings that no config has and that would have no effect."""
        known = {stage: set(self.configs.ids(stage)) for stage in stages}
        for stage, ids in self.of_stage.items():
            if unknown := sorted({name for name in ids if name.split("#")[0] not in known[stage]}):
                yield f"{stage}: found {', '.join(unknown)}, which {stage}.yaml does not have; correct it"
        everywhere = set().union(*known.values(), {"quiet"})
        unknown = sorted({name for name in self.settings if name.split("#")[0] not in everywhere})
        if unknown and not of_stage_only:
            yield f"settings: found {', '.join(unknown)}, which none of {', '.join(known)} has; correct it"


def _stage_of(overlay: str) -> str | None:
    """The stage of an overlay for one, ``<stage>:<overlay>``."""
    stage = overlay.partition(":")[0]
    return stage if ":" in overlay and stage in STAGES else None


def _what(encoder: Encoder, modality: str | None, fold: int | None) -> str:
    """An encoder's run for the progress."""
    return ", ".join(filter(None, [encoder.name, modality, part_name(fold)]))
