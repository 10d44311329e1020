"""A comparison of methods by cross-validation, which runs the bundle's configs one after the other."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from ...errors import InputError, OptionError
from ...locks import locked
from .methods import Encoder, FineTuning, part_name
from .read_methods import SUPERVISED, read_encoders, read_fine_tunings
from .repetitions import Repetition, deal_folds, repetitions
from .stages import Stages

__all__ = ["CrossValidation"]

logger = logging.getLogger(__name__)


class CrossValidation(Stages):
    """Pre-train, probe, fine-tune and evaluate every method on every fold, for each seed, and write one report.

    Start the same command again to continue after an interruption. Further options override ids of the configs in every
    stage that has them, e.g. --max_epochs 10 --box_size "[48,48,48]" --device cpu --amp True.

    The complete comparison of Chiang et al. (2023): liver_cgc --dataset_dir data --output_dir results
    --seeds 0,1,2,3,4 --methods simclr,simclr_mda,byol,byol_mda,simsiam,simsiam_mda
    --pretrained_weights efficientnet_b2.pth --finetune mcl+single,scl+single,imagenet+single,mcl+cgc,mcl+cmc

    The stages are the bundle's configs. Linear evaluation (Li et al. 2021, Table 2; Chiang et al. 2023, Table 1):
    ``pretrain.yaml`` with the method's overlay and ``extract_features.yaml`` for each fold, then one
    ``linear_probe.yaml``. Fine-tuning (Chiang et al. 2023, Tables 2 to 4): ``train.yaml`` and ``evaluate.yaml`` with
    their overlays, from an encoder of the same fold and seed. No stage sees a fold's test subjects before the
    evaluation, unless ``transductive``. Finished stages are not repeated, so the same call continues an interrupted
    run.

    An overlay with ``per_modality: true`` is run once for each modality of the datalist, given by id ``modality``. A
    ``learnt_table`` with ``{modality}`` in ``extract_features.yaml`` gives a table and a row for each modality.

    Args:
        bundle: name of the bundle, e.g. siam3d_imbalance, or its folder.
        dataset_dir: folder of the cohort's ``datalist.json``.
        output_dir: folder for all outputs: ``[seed<s>/]<method>/[<modality>/]fold<k>/``, feature tables, ``report/``.
        methods: overlays of ``pretrain.yaml`` to pre-train and probe, and ``supervised``, which is ``scratch`` in
            ``finetune``; default: plain,re,se, or none with ``finetune``.
        finetune: rows ``<start>[+<overlay>...]`` to train, e.g. scratch+cgc: the start is ``scratch``, ``imagenet``
            (the file of ``pretrained_weights``), an overlay of ``pretrain.yaml`` or the ``encoder_name`` that one sets;
            overlays are those of ``train.yaml`` and ``evaluate.yaml``.
        seeds: random seeds, e.g. 0,1,2,3,4, for new folds and for the training ("five-fold cross-validation with five
            different random states", Chiang et al. 2023, section 4.1); by default, the datalist's folds and the
            configs' seed are used.
        folds: number of folds for each seed; by default as many as the datalist has, or five.
        transductive: whether to pre-train once on all subjects, as the papers do; the report says so.
        pretraining_datalist: datalist of other subjects on which encoders are pre-trained once ("The
            remaining data (140 cases) in the KiTS19 dataset is used for self-supervised learning", Zhao and Yang 2021).
        overlays: further config files of the bundle for all stages, such as ``brats`` or ``lung``.
        sweep: id of ``pretrain.yaml`` and the values to try with each method, e.g.
            "{num_clusters: [2, 3, 4, 5]}" (Li et al. 2021, Fig. 4).
        probe: settings of ``linear_probe.yaml``, e.g. "{label_fractions: [1.0, 0.5], seeds: [0, 1, 2]}".
        **settings: config ids and their values, for every stage that has them.

    Raises:
        OptionError: a setting is an id of no config.
        InputError: a method or overlay is unknown, or ``output_dir`` has another comparison.
    """

    def __init__(
        self,
        bundle: str | Path,
        dataset_dir: str | Path,
        output_dir: str | Path,
        methods: Sequence[str] | None = None,
        finetune: Sequence[str] = (),
        seeds: Sequence[int] = (),
        folds: int | None = None,
        transductive: bool = False,
        pretraining_datalist: str | Path | None = None,
        overlays: Sequence[str] = (),
        sweep: Mapping[str, Sequence[Any]] | None = None,
        probe: Mapping[str, Any] | None = None,
        **settings: Any,
    ) -> None:
        super().__init__(
            bundle,
            dataset_dir,
            output_dir,
            overlays=overlays,
            transductive=transductive,
            pretraining_datalist=pretraining_datalist,
            settings=settings,
        )
        if methods is None:
            methods = () if finetune else ("plain", "re", "se")
        self.sweep, self.probe, self.seeds = dict(sweep or {}), dict(probe or {}), list(dict.fromkeys(seeds))
        pretrained = [name for name in methods if name != SUPERVISED]
        trained = [*finetune, *(["scratch"] if SUPERVISED in methods else [])]
        for name in pretrained:
            self.configs.path(name)
        self.repetitions, self.root = repetitions(self.datalist, self.output_dir, self.seeds, folds)
        self.encoders = list(read_encoders(self.configs, pretrained, self.modalities, self.sweep))
        self.fine_tunings = list(read_fine_tunings(self.configs, trained, self.modalities))
        self._check()

    def run(self) -> Path:
        """Run all stages that are not finished.

        Returns:
            The report, ``<output_dir>/report/report.md``.
        """
        with locked(self.output_dir):
            return self._run_all()

    def _run_all(self) -> Path:
        self._check_identity()
        for repetition in self.repetitions:
            deal_folds(self.datalist, repetition, claimed=self._claim.is_file())
        self._check_stages()
        stages = [stage for repetition in self.repetitions for stage in self._stages(repetition)]
        for number, (what, stage) in enumerate(stages, 1):
            self._say(number, len(stages) + 1, what)
            stage()
            self._keep_identity()
        self._say(len(stages) + 1, len(stages) + 1, "linear probe and report")
        report = self.output_dir / "report"
        self._run("linear_probe", [], **self._probe_settings(), output_dir=str(report))
        self._figures(report)
        return report / "report.md"

    def _check_stages(self) -> None:
        """Create one training of each method, on the smallest part of the cohort, before the first one runs."""
        first = self.repetitions[0]
        fold = self._largest_fold(first)
        starts = {row.start.folder: row.start for row in self.fine_tunings if isinstance(row.start, Encoder)}
        for encoder in {**starts, **{encoder.folder: encoder for encoder in self.encoders}}.values():
            self._check_pretraining(first, encoder, None if self.one_encoder else fold)
        for row in self.fine_tunings:
            self._check_training(row, first.output_dir, fold, **first.overrides)

    def _stages(self, repetition: Repetition) -> Iterator[tuple[str, Callable[[], None]]]:
        """Stages for one seed, in order: a line for the progress, and a call."""
        probed = {encoder.folder: encoder for encoder in self.encoders}
        starts = {row.start.folder: row.start for row in self.fine_tunings if isinstance(row.start, Encoder)}
        for folder, encoder in {**starts, **probed}.items():
            for modality in encoder.runs:
                for fold in (None,) if self.one_encoder else repetition.folds:
                    run = (repetition, encoder, modality, fold)
                    what = ", ".join(filter(None, [encoder.name, modality, part_name(fold)]))
                    yield f"{repetition.name}pre-training {what}", partial(self._pretrain, *run)
                    if folder in probed:
                        yield f"{repetition.name}features of {what}", partial(self._extract, *run)
        for row in self.fine_tunings:
            for fold in repetition.folds:
                yield (
                    f"{repetition.name}{row.name}, {part_name(fold)}",
                    partial(self._fine_tuned, repetition, row, fold),
                )

    def _fine_tuned(self, repetition: Repetition, row: FineTuning, fold: int) -> None:
        start = self._start(repetition, row, fold)
        self._fine_tune(row, repetition.output_dir, fold, start, **repetition.overrides)

    def _probe_settings(self) -> dict[str, Any]:
        fold = None if self.one_encoder else "{fold}"
        rows = [encoder.rows(self.root, fold) for encoder in self.encoders]
        return {
            "learnt_tables": {name: table for row in rows for name, table in row.items()},
            "traditional_table": str(self.root / "traditional.csv"),
            "transductive": self.transductive,
            "extra_predictions": {row.name: str(row.predictions(self.root, "{fold}")) for row in self.fine_tunings},
            **({"seeds": self.seeds} if self.seeds else {}),
            **self.probe,
        }

    def _figures(self, report: Path) -> None:
        """Fig. 2 of Li et al. (2021) for the first fold's features, and its Fig. 4 for a sweep."""
        from ..reports.feature_figures import feature_correlation_density, sweep_figure  # --help needs no figures

        first = self.repetitions[0]
        fold = None if self.one_encoder else first.folds[0]
        tables = {row.name: row.table(first.output_dir, fold) for row in self.encoders if not row.modalities}
        if tables:
            path = report / "figures" / "feature_correlation.png"
            feature_correlation_density(list(tables.values()), list(tables), path)
        if self.sweep:
            ((parameter, values),) = self.sweep.items()
            summary = json.loads((report / "metrics.json").read_text())
            curves: dict[str, list[str]] = {}
            for encoder in self.encoders:
                curves.setdefault(encoder.overlay, []).append(encoder.name)
            sweep_figure(summary, curves, parameter, values, report / "figures" / f"sweep_{parameter}.png")

    def _check(self) -> None:
        """Checks that need all rows."""
        if unknown := sorted({name for name in self.settings if name.split("#")[0] not in self.configs.known_ids()}):
            raise OptionError(f"found --{', --'.join(unknown)}, which no config of the bundle has; correct it")
        if self.seeds and "seeds" in self.probe:
            raise InputError(f"probe: found seeds {self.probe['seeds']} beside seeds {self.seeds}; leave them out here")
        names = [name for encoder in self.encoders for name in encoder.rows(self.root, 0)]
        names += [row.name for row in self.fine_tunings]
        if twice := sorted({name for name in names if names.count(name) > 1}):
            raise InputError(f"{', '.join(twice)}: found as several rows; expected one; set method in the overlays")
        self._check_weights(self.fine_tunings)

    @staticmethod
    def _say(done: int, total: int, what: str) -> None:
        logger.info(f"[{done}/{total}] {what}")
        print(f"\n=== [{done}/{total}] {what}", flush=True)
