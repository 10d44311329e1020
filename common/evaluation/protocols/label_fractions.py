"""Comparison of methods over the number of labels: one pre-training each, parts of the labels, one test set."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from ...bundle_configs import PRETRAIN, BundleConfigs, Recipe, bundle_names
from ...counts import counted
from ...csv_text import csv_text
from ...errors import InputError, OptionError, root_cause
from ...files import write_atomically
from ...programs import command_of
from ...tasks import Task, Workers
from .comparison import Comparison, Share
from .label_checks import REPEATED, label_problems, number_problems, overridden
from .methods import TRADITIONAL, Encoder, FineTuning, Mean, Probe
from .read_methods import DIFFERENCES, FEW_NUMBERS, SLICES, read_rows
from .repetitions import Repetition, training_rows

__all__ = ["LabelFractions"]

STAGES = (PRETRAIN, "extract_features", "train", "evaluate")


class LabelFractions(Comparison):
    """Pre-train each method once, fine-tune or probe it with parts of the labels, test it on one fold, plot the curves.

    Start the same command again to continue after an interruption, or with more methods, fractions or seeds. Further
    options override ids of the configs in every stage that has them, e.g. --image_size "[96,96]" --device cpu.

    The protocol is that of Zhao and Yang (2021), section 3.4 and Fig. 2, and Cao et al. (2022), Fig. 2.
    "We evaluate the performance of fine-tuning the pre-trained hybrid model as the size of the labeled dataset varies
    [...]. The test dataset is always the same." Each encoder is pre-trained once, on all training subjects without
    their labels. For each seed a part of the training subjects keeps its labels, the same part for all methods, with
    smaller parts inside larger ones; each method is fine-tuned, probed or, for ``radiomics``, fitted on it, and
    predicts the held-out fold. Finished runs are not repeated, so the same call continues an interrupted run.

    Args:
        bundle: name of the bundle, e.g. radiomics_deep_contrast, or its folder.
        dataset_dir: folder of the cohort's ``datalist.json``.
        output_dir: folder for all outputs: ``<encoder>/fold<k>/``, ``labels<percent>/seed<s>/<method>/fold<k>/``,
            ``report/``.
        methods: rows, separated by commas; all are compared with the first: ``radiomics[+<overlay>...]``; ``outline``,
            the numbers of the mask's outline; ``position``, the lesion's place in its image; ``composition``, the
            shares of the mask's labels; ``modality_differences``, the differences of modalities in the lesion;
            ``imagenet_slices``, features of a volume's slices by ImageNet's weights; ``outline.LogVolume``, one number
            of ``outline``, ``position``, ``composition`` or ``modality_differences``; ``mean:<row>:<row>...``, the mean
            of other rows' probabilities; ``mean_z_score:<row>:<row>...``, that of linear classifiers' z-scores;
            ``<start>[+<overlay>...]``, fine-tuned, with overlays of ``train.yaml`` and ``evaluate.yaml``; or
            ``<start>[+<overlay>...]+linear_probe``, frozen, with overlays of ``extract_features.yaml``. The start is
            ``scratch``, ``imagenet`` (the file of ``pretrained_weights``), ``pretrain`` (``pretrain.yaml`` without
            overlay), an overlay of ``pretrain.yaml`` or the ``encoder_name`` that one sets.
        fractions: parts of the labels, in (0, 1].
        seeds: random seeds for the choice of labelled subjects and for the training.
        vary_pretraining: whether each encoder is pre-trained once for each seed, into ``seed<s>/<encoder>/fold<k>/``,
            instead of once for all of them.
        fold: folds to hold out one by one, e.g. 0,1,2,3,4; the test set is all of them together.
        transductive: whether to pre-train once on all subjects, including test subjects; the report says so.
        pretraining_datalist: datalist of other subjects, or of all but the held-out ones, on which encoders are
            pre-trained once.
        overlays: further config files of the bundle for all stages, or for one, such as pretrain:paper.
        recipe: paper for the literal protocol of the bundle's paper, whose overlays come first, or default for ours.
        pretrain: ids of ``pretrain.yaml`` alone, e.g. "{max_epochs: 100}".
        train: ids of ``train.yaml`` alone, e.g. "{max_epochs: 20, learning_rate: 0.001}".
        max_correlation: largest allowed correlation between two features of ``radiomics``, above which one is dropped
            (ours); none keeps all.
        max_deviation: standard deviations from the mean at which features of linear classifiers are cut (ours); none
            keeps them.
        resamples: number of bootstrap samples of the test subjects.
        workers: number of processes of this machine that run stages at the same time, each with its share of the cores;
            with GPUs at most one for each of them.
        scheduler: address of a Dask scheduler whose workers run the stages instead, e.g. ``tcp://host:8786``.
        resources: what each stage takes of a worker of that cluster, e.g. "{GPU: 1}".
        **settings: config ids and their values, for every stage that has them.

    Raises:
        OptionError: a setting is an id of no config.
        InputError: an argument is invalid, or ``output_dir`` has another comparison.
    """

    title = "label fractions"
    traditional = False  # those of the rows are measured by themselves

    def __init__(
        self,
        bundle: str | Path,
        dataset_dir: str | Path,
        output_dir: str | Path,
        methods: Sequence[str],
        fractions: Sequence[float] = (0.05, 0.2, 0.5, 1.0),
        seeds: Sequence[int] = (0, 1, 2),
        vary_pretraining: bool = False,
        fold: Sequence[int] = (0,),
        transductive: bool = False,
        pretraining_datalist: str | Path | None = None,
        overlays: Sequence[str] = (),
        recipe: Recipe = "default",
        pretrain: Mapping[str, Any] | None = None,
        train: Mapping[str, Any] | None = None,
        max_correlation: float | None = 0.95,
        max_deviation: float | None = 3.0,
        resamples: int = 2000,
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
            settings={"quiet": True, **settings},
            of_stage={"pretrain": pretrain or {}, "train": train or {}},
            workers=Workers(workers, scheduler, resources or {}),
            held_out=tuple(fold),
        )
        self.fractions, self.seeds = sorted(set(fractions)), list(dict.fromkeys(seeds))
        self.repetition = Repetition(self.output_dir, tuple(dict.fromkeys(fold)))
        self.repetitions, self.vary_pretraining = [self.repetition], vary_pretraining
        self.max_correlation, self.max_deviation, self.resamples = max_correlation, max_deviation, resamples
        rows = training_rows(self.datalist)
        self.labelled = [{**row, "row": place} for place, row in enumerate(rows) if row.get("label") is not None]
        self.rows = list(read_rows(self.configs, methods, self.modalities))
        self.probes = [row for row in self.rows if isinstance(row, Probe)]
        self.encoders = [row.start for row in self.probes if row.start]
        self._check()

    def _shares(self, repetition: Repetition) -> Iterable[Share]:
        for fraction, seed in itertools.product(self.fractions, self.seeds):
            labels = {"label_fraction": fraction, "label_seed": seed, "seed": seed}
            name, root = f"{100 * fraction:g} % of the labels, seed {seed}, ", self._root(fraction, seed)
            yield Share(name, root, self._pretrained(seed), fraction, seed, labels)

    def _problems(self) -> Iterator[str]:
        """Those of linear classifiers too, which wait for a pre-training otherwise."""
        from ...data import number_of_images

        yield from super()._problems()
        yield from self._check_slices()
        if any(row.measured == DIFFERENCES for row in self._without_network()) and number_of_images(self.datalist) < 2:
            yield f"{DIFFERENCES}: found one modality, expected two or more; leave {DIFFERENCES} out"
        for problem in label_problems(self.labelled, self.repetition.folds) if self.probes else ():
            yield f"linear classifier, {problem}"  # at any fraction, as each class keeps a subject that it has

    def _pretrained(self, seed: int) -> Repetition:
        """The pre-trainings that belong to a seed."""
        if not self.vary_pretraining:
            return self.repetition
        return Repetition(self.output_dir / f"seed{seed}", self.repetition.folds, seed, redealt=False)

    def _measurements(self) -> Iterable[Task]:
        for path, rows in self._tables().items():
            yield Task(rows[0].name.lower().split(" (")[0], path, partial(self._measure, path, rows))

    def _quick_tables(self) -> Iterable[Path]:
        return [path for path, rows in self._tables().items() if rows[0].measured in FEW_NUMBERS]

    def _tables(self) -> dict[Path, list[Probe]]:
        """Tables that need no network, and the rows of each."""
        found: dict[Path, list[Probe]] = {}
        for row in self._without_network():
            found.setdefault(row.table(self.output_dir, None), []).append(row)
        return found

    def _measure(self, path: Path, rows: Sequence[Probe]) -> None:
        """Extract features of the cohort that need no network with the bundle's ``extract_features.yaml``."""
        from ...feature_table import columns_of_numbers, read_table

        if not path.is_file():
            self._write_table(path, rows[0])
        if numbers := [row.number for row in rows if row.number]:
            columns_of_numbers(read_table(path), numbers, path)

    def _write_table(self, path: Path, row: Probe) -> None:
        cohort = self._cohort(self.repetition, self.repetition.folds[0], None)
        folder = str(self.output_dir / row.measured)
        overlays = [self.configs.path(name) for name in row.overlays]
        paths = {f"{row.measured}_table": str(path), "output_dir": folder}
        self._run("extract_features", overlays, **cohort, **paths, run_id=row.measured)
        if not path.is_file():
            raise InputError(f"{path}: not written, as PyRadiomics is missing; install it, or leave radiomics out")

    def _inputs(self, row: Any, share: Share, fold: int) -> tuple[Path, ...]:
        if isinstance(row, Mean):
            return tuple(self._made_by(each, share, fold) for each in row.rows)
        return super()._inputs(row, share, fold)

    def _do(self, row: Any, share: Share, fold: int) -> None:
        path = row.predictions(share.root, fold)
        if isinstance(row, FineTuning):
            super()._do(row, share, fold)
        elif path.is_file():
            return
        elif isinstance(row, Mean):
            from ..row_means import mean_of_rows  # here and below, as --help needs no pandas

            files = [each.predictions(share.root, fold) for each in row.rows]
            write_atomically(path, csv_text(mean_of_rows(files, row.z_scores)))
        else:
            self._probe(row, share, fold, path)

    def _probe(self, row: Probe, share: Share, fold: int, path: Path) -> None:
        root = share.repetition.output_dir if row.start else self.output_dir
        table = row.table(root, None if self.one_encoder and row.start else fold)
        correlation = self.max_correlation if row.measured == TRADITIONAL and not row.start else None
        from .label_probe import predict_held_out

        found = predict_held_out(
            table,
            self.labelled,
            fold,
            fraction=share.fraction,
            label_seed=share.seed,
            number=row.number,
            max_correlation=correlation,
            max_deviation=self.max_deviation,
            scaling=path.parent.with_name("scaling.json"),
        )
        write_atomically(path, csv_text(found))

    def _root(self, fraction: float, seed: int | str) -> Path:
        return self.output_dir / f"labels{100 * fraction:g}" / f"seed{seed}"

    def _report(self) -> Path:
        import pandas as pd

        from ...data import class_names
        from ..predictions import read_predictions
        from ..reports.label_fraction_figure import label_fraction_figure
        from ..reports.label_fraction_table import label_fraction_notes, write_label_fraction_table
        from ..reports.number_notes import number_notes
        from ..reports.report import write_report

        report = self.output_dir / "report"
        tables = []
        for fraction, row in itertools.product(self.fractions, self.rows):
            path = row.predictions(self._root(fraction, "{seed}"), "{fold}")
            tables.append(read_predictions({fraction: path}, row.name))
        table = pd.concat(tables, ignore_index=True)
        table = table[table["seed"].isin(self.seeds) & table["fold"].isin(self.repetition.folds)]
        pretrained = [row.name for row in self.rows if isinstance(row.start, Encoder)]
        probed = [row.name for row in self.probes]
        notes = label_fraction_notes(pretrained, probed, self.seeds, self.transductive, bool(self.elsewhere))
        for row in (row for row in self._without_network() if row.measured in FEW_NUMBERS and not row.number):
            notes += number_notes(row.table(self.output_dir, None), row.name, self.repetition.folds, self.resamples)
        classes = class_names(self.datalist)
        summary = write_report(table, report, classes=classes, notes=notes, resamples=self.resamples)
        baselines = {row.name for row in self.rows} - set(pretrained)
        figure = label_fraction_figure(summary, report / "figures" / "label_fractions.png", baselines=baselines)
        write_label_fraction_table(summary, report, self._labelled(), figure)
        return report / "report.md"

    def _labelled(self) -> dict[float, float]:
        """Number of labelled training subjects at each fraction, mean over folds."""
        from ...data import keep_label_fraction

        counts: dict[float, list[int]] = {}
        for fraction, fold in itertools.product(self.fractions, self.repetition.folds):
            training = keep_label_fraction(
                [row for row in self.labelled if row["fold"] != fold], fraction, self.seeds[0]
            )
            counts.setdefault(fraction, []).append(len({row["subject"] for row in training}))
        return {fraction: sum(found) / len(found) for fraction, found in counts.items()}

    def _identity(self) -> dict[str, Any]:
        return {
            **super()._identity(),
            **self.of_stage,
            "transductive": self.transductive,
            "max_correlation": self.max_correlation,
            "max_deviation": self.max_deviation,
            **({"vary_pretraining": True} if self.vary_pretraining else {}),
        }

    def _check(self) -> None:
        problems = [f"fractions: found {f}; expected more than 0, at most 1" for f in self.fractions if not 0 < f <= 1]
        if self.max_deviation is not None and not self.max_deviation > 0:
            problems.append(f"max_deviation: found {self.max_deviation}; expected more than 0, or none")
        for name, found in (("methods", self.rows), ("fractions", self.fractions), ("seeds", self.seeds)):
            if not found:
                problems.append(f"{name}: found none; expected one or more")
        problems += number_problems(seeds=self.seeds, resamples=self.resamples)
        unknown = list(self._unknown_ids(STAGES))
        problems += [*self._wrong_folds(), *unknown]
        problems += [*self._repeated([row.name for row in self.rows]), *self._overridden()]
        ids = self.configs.ids("extract_features")
        for row in self._without_network():
            if row.measured not in ids:
                name = row.folder if row.number else row.folder.split("+")[0]
                others = [
                    other for other in bundle_names() if row.measured in BundleConfigs(other).ids("extract_features")
                ]
                where = f", which only {', '.join(others)} {'has' if len(others) == 1 else 'have'}" if others else ""
                problems.append(f"{name}: extract_features.yaml has no {row.measured}{where}; leave {name} out")
        if problems:
            raise (OptionError if unknown else InputError).of_rows("label fractions", problems)
        self._check_weights(self.trained)

    def _check_slices(self) -> Iterator[str]:
        """A line where the weights of the network for slices cannot be loaded, as their package is missing."""
        for row in (row for row in self._without_network() if row.measured == SLICES):
            overlays = [self.configs.path(name) for name in row.overlays]
            try:
                self._workflow("extract_features", overlays, {}).parser.get_parsed_content("slices#encoder")
            except Exception as error:
                if not isinstance(cause := root_cause(error), InputError):
                    raise
                yield f"{row.name}: {cause}; or leave {SLICES} out"

    def _overridden(self) -> Iterator[str]:
        yield from overridden(REPEATED, self.settings, {"train": self.of_stage["train"]})
        yield from overridden({"fold": "fold (--fold) has those that are held out"}, {}, self.of_stage)

    def _wrong_folds(self) -> Iterator[str]:
        if lacking := [row.get("subject") for row in self.labelled if row.get("fold") is None]:
            remedy = f"run {command_of('make_datalist')}"
            yield f"{self.datalist}: no fold for {counted(len(lacking), 'subject')}, {lacking[0]} first; {remedy}"
        known = sorted({row["fold"] for row in self.labelled if row.get("fold") is not None})
        if not self.repetition.folds or set(self.repetition.folds) - set(known):
            found, expected = (", ".join(map(str, folds)) or "none" for folds in (self.repetition.folds, known))
            yield f"fold: found {found}; expected some of {expected}, the folds of labelled subjects"

    def _without_network(self) -> list[Probe]:
        return [row for row in self.probes if not row.start]
