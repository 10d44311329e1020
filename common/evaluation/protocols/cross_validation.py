"""A comparison of methods by cross-validation, which runs the bundle's configs."""

from __future__ import annotations

import itertools
import json
import logging
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from ...bundle_configs import Recipe
from ...errors import InputError, OptionError
from ...hints import unknown_options
from ...tasks import Workers
from .comparison import Comparison, Share
from .dealt_folds import deal_folds
from .label_checks import number_problems, overridden, probe_problems
from .methods import FineTuning, Probe
from .read_methods import SUPERVISED, read_encoders, read_fine_tunings
from .repetitions import Repetition, repetitions, training_rows

__all__ = ["CrossValidation"]

logger = logging.getLogger(__name__)

#: Ids that a cross-validation sets for each of its runs anew, and what chooses them.
_FOLDS = {"fold": "each fold of the datalist is held out in turn (label_fractions.py --fold holds out some)"}


class CrossValidation(Comparison):
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
        methods: rows ``<overlay>[+<overlay>...]`` to pre-train and probe: an overlay of ``pretrain.yaml``, then those
            of ``extract_features.yaml`` if other features than the default are probed, e.g. simclr+image_only; and
            ``supervised``, which is ``scratch`` in ``finetune``; default: plain,re,se, or none with ``finetune``.
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
        overlays: further config files of the bundle for all stages, such as ``brats`` or ``lung``, or for one, such as
            pretrain:paper.
        recipe: paper for the literal protocol of the bundle's paper, whose overlays come first, or default for ours.
        sweep: id of ``pretrain.yaml`` and the values to try with each method, e.g.
            "{num_clusters: [plain, 2, 3, 4, 5]}" (Li et al. 2021, Fig. 4); a value that names an overlay stands for
            that one as it is, without the method.
        probe: settings of ``linear_probe.yaml``, e.g. "{label_fractions: [1.0, 0.5], seeds: [0, 1, 2]}"; rows of
            ``finetune`` are trained with these label fractions too, on the same subjects.
        pretrain: ids of ``pretrain.yaml`` alone, e.g. "{max_epochs: 100}".
        train: ids of ``train.yaml`` alone, e.g. "{max_epochs: 20, learning_rate: 0.001}".
        workers: number of processes of this machine that run stages at the same time, each with its share of the cores;
            with GPUs at most one for each of them.
        scheduler: address of a Dask scheduler whose workers run the stages instead, e.g. ``tcp://host:8786``.
        resources: what each stage takes of a worker of that cluster, e.g. "{GPU: 1}".
        **settings: config ids and their values, for every stage that has them.

    Raises:
        OptionError: a setting is an id of no config.
        InputError: a method or overlay is unknown, or ``output_dir`` has another comparison.
    """

    title = "cross-validation"

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
        recipe: Recipe = "default",
        sweep: Mapping[str, Sequence[Any]] | None = None,
        probe: Mapping[str, Any] | None = None,
        pretrain: Mapping[str, Any] | None = None,
        train: Mapping[str, Any] | None = None,
        workers: int = 1,
        scheduler: str | None = None,
        resources: Mapping[str, float] | None = None,
        **settings: Any,
    ) -> None:
        super().__init__(
            bundle,
            dataset_dir,
            output_dir,
            overlays=overlays,
            recipe=recipe,
            transductive=transductive,
            pretraining_datalist=pretraining_datalist,
            settings=settings,
            of_stage={"pretrain": pretrain or {}, "train": train or {}},
            workers=Workers(workers, scheduler, resources or {}),
        )
        if methods is None:
            methods = () if finetune else ("plain", "re", "se")
        self.num_folds = folds
        self.sweep, self.probe, self.seeds = dict(sweep or {}), dict(probe or {}), list(dict.fromkeys(seeds))
        pretrained = [name for name in methods if name != SUPERVISED]
        trained = [*finetune, *(["scratch"] if SUPERVISED in methods else [])]
        self.repetitions, self.root = repetitions(self.datalist, self.output_dir, self.seeds, folds)
        for name in pretrained:
            self.configs.path(name.split("+")[0])
        self.curves = read_encoders(self.configs, pretrained, self.modalities, self.sweep)
        each = itertools.chain.from_iterable(self.curves.values())
        self.encoders = list({(encoder.folder, encoder.features): encoder for encoder in each}.values())
        self.fractions = self._fractions()
        self.rows = list(read_fine_tunings(self.configs, trained, self.modalities))
        self._check()

    def _report(self) -> Path:
        """Probe the features, and report them beside the fine-tunings."""
        logger.info("linear probe and report")
        report = self.output_dir / "report"
        self._run("linear_probe", [], **self._probe_settings(), output_dir=str(report))
        self._figures(report)
        return report / "report.md"

    def _check_stages(self) -> None:
        """Deal and check every seed's folds, and check the probe's settings, and the smallest training of each."""
        for repetition in self.repetitions:
            deal_folds(self.datalist, repetition, claimed=self._claim.is_file())
        super()._check_stages()
        checked: dict[str, Any] = {
            "probe#_target_": "common.evaluation.protocols.probe.UnreadProbe",
            "probe#feature_sets": {},
        }
        self._check_run("linear probe", "linear_probe", [], **self._probe_settings(), **checked)

    def _problems(self) -> Iterator[str]:
        yield from super()._problems()
        for repetition in self.repetitions if self.encoders else ():
            yield from self._check_probe_labels(repetition)

    def _shares(self, repetition: Repetition) -> Iterable[Share]:
        """Label fractions of the fine-tunings, on the subjects of the probe's first seed."""
        seed = self._probe_seeds()[0] if repetition.seed is None else repetition.seed
        for fraction in self.fractions:
            root, whole = _of_fraction(repetition.output_dir, fraction), fraction == 1
            labels = {} if whole else {"label_fraction": fraction, "label_seed": seed}
            part = "" if whole else f"{100 * fraction:g} % of the labels, "
            settings = {**repetition.overrides, **labels}
            yield Share(f"{repetition.name}{part}", root, repetition, fraction, 0 if whole else seed, settings)

    def _identity(self) -> dict[str, Any]:
        return {**super()._identity(), **{stage: ids for stage, ids in self.of_stage.items() if ids}}

    def _check_probe_labels(self, repetition: Repetition) -> Iterator[str]:
        ids = {**self.configs.ids("linear_probe"), **self._probe_settings()}
        seeds = self._probe_seeds() if repetition.seed is None else [repetition.seed]
        rows = training_rows(self._datalist_of(repetition))
        fractions = ids.get("label_fractions", [1.0])
        if all(0 < fraction <= 1 for fraction in fractions):  # or else the probe's own check says so
            for problem in probe_problems(rows, repetition.folds, fractions, seeds):
                yield f"{repetition.name}{problem}"

    def _probe_seeds(self) -> list[int]:
        return list(self.probe.get("seeds") or self.configs.ids("linear_probe").get("seeds") or [0])

    def _fractions(self) -> list[float]:
        """Label fractions of the fine-tunings: those of the probe, or the setting of the bundle."""
        one, several = self.settings.get("label_fraction"), self.probe.get("label_fractions")
        if one is not None and several is not None and list(several) != [one]:
            raise InputError(f"label_fraction: found {one} beside {several} of the probe; leave label_fraction out")
        return sorted({float(fraction) for fraction in several or [1.0 if one is None else one]}, reverse=True)

    def _probe_settings(self) -> dict[str, Any]:
        fold = None if self.one_encoder else "{fold}"
        rows = [encoder.rows(self.root, fold) for encoder in self.encoders]
        return {
            "learnt_tables": {name: table for row in rows for name, table in row.items()},
            "traditional_table": str(self.root / "traditional.csv"),
            "transductive": self.transductive,
            "extra_predictions": {row.name: self._predictions_of(row) for row in self.rows},
            **({"seeds": self.seeds} if self.seeds else {}),
            **self.probe,
        }

    def _predictions_of(self, row: FineTuning | Probe) -> str | dict[float, str]:
        found = {each: str(row.predictions(_of_fraction(self.root, each), "{fold}")) for each in self.fractions}
        return found if set(found) != {1.0} else found[1.0]

    def _figures(self, report: Path) -> None:
        """Fig. 2 of Li et al. (2021) for the first fold's features, and its Fig. 4 for a sweep."""
        from ..reports.feature_figures import feature_correlation_density, sweep_figure  # --help needs no figures

        first = self.repetitions[0]
        fold = None if self.one_encoder else first.folds[0]
        tables = {row.name: row.table(first.output_dir, fold) for row in self.encoders if not row.modalities}
        if tables:
            path = report / "figures" / "feature_correlation.png"
            try:
                feature_correlation_density(list(tables.values()), list(tables), path)
            except InputError as error:  # of collapsed encoders, whose rows the report has all the same
                logger.warning(f"{path}: not drawn: {error}")
        if self.sweep:
            ((parameter, values),) = self.sweep.items()
            summary = json.loads((report / "metrics.json").read_text())
            curves = {text: [encoder.name for encoder in row] for text, row in self.curves.items()}
            sweep_figure(summary, curves, parameter, values, report / "figures" / f"sweep_{parameter}.png")

    def _check(self) -> None:
        """Checks that need all rows."""
        known = self.configs.ids("linear_probe")
        if unknown := sorted(name for name in self.probe if name.split("#")[0] not in known):
            raise OptionError(f"probe: found {', '.join(unknown)}, which linear_probe.yaml does not have; correct it")
        if self.seeds and "seeds" in self.probe:
            raise InputError(f"probe: found seeds {self.probe['seeds']} beside seeds {self.seeds}; leave them out here")
        unknown = unknown_options(self.settings, self.configs.known_ids(), "a config of the bundle")
        unknown += self._unknown_ids(("pretrain", "train"), of_stage_only=True)
        if unknown:
            raise OptionError.of_rows("cross-validation", unknown)
        own = {**_FOLDS, **({"seed": "seeds (--seeds) has those of folds and trainings"} if self.seeds else {})}
        problems = [*number_problems(seeds=self.seeds), *overridden(own, self.settings, self.of_stage)]
        if self.num_folds is not None and self.num_folds < 2:
            problems.append(f"folds: found {self.num_folds}; expected whole numbers from 2; correct it")
        if problems:
            raise InputError.of_rows("cross-validation", problems)
        if wrong := [fraction for fraction in self.fractions if not 0 < fraction <= 1]:
            raise InputError(f"label_fractions: found {wrong[0]:g}; expected more than 0, at most 1")
        names = [name for encoder in self.encoders for name in encoder.rows(self.root, 0)]
        for problem in self._repeated([*names, *(row.name for row in self.rows)]):
            raise InputError(problem)
        self._check_weights(self.trained)


def _of_fraction(root: Path, fraction: float) -> Path:
    """Folder of the fine-tunings with a part of the labels."""
    return root if fraction == 1 else root / f"labels{100 * fraction:g}"
