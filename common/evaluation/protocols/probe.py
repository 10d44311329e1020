"""The papers' evaluation of features: a linear classifier on each feature set, in nested stratified folds."""

from __future__ import annotations

import itertools
import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import pandas as pd
from tqdm import tqdm

from ...errors import InputError
from ...fold_files import FOLD, SEED
from ..predictions import read_predictions
from ..reports.report import write_report
from .classifier import CLASSIFIERS, constant, fit_probe
from .feature_sets import FeatureSets
from .probe_notes import probe_notes

__all__ = ["LinearProbe"]

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Job:
    """One classifier to fit: name of the feature set, label fraction, seed and held-out fold."""

    name: str
    fraction: float
    seed: int
    fold: int


class LinearProbe:
    """Linear classifiers of frozen features, one per set, label fraction, seed and outer fold, and their report.

    For each outer fold, the classifier is trained on all other folds, or on a nested, stratified part of them for a
    label fraction. The penalty is chosen on 20 % of that part, and the rest of the protocol is that of
    :func:`~common.evaluation.fit_probe` (Li et al. 2021, section 3, "Evaluation protocol"). Held-out subjects are
    not used for fitting.

    Args:
        feature_sets: tables of each row of the report, by its name, whose columns are concatenated, matched by
            subject. A path with ``{fold}`` names one table per fold, with features by the encoder that was pre-trained
            without that fold; a path with ``{seed}`` one per seed, which may have different folds. If empty, only
            ``extra_predictions`` are reported.
        output_dir: folder for ``predictions.csv``, ``metrics.json``, ``metrics.csv``, ``report.md`` and ``figures``.
        classes: class names by label; by default the labels themselves.
        positive: index of the positive class of two; by default the last.
        label_fractions: parts of the training labels to use.
        seeds: random seeds for label subsets, splits for the penalty and calibration; the tables have the outer folds.
        classifier: ``"svm"`` or ``"logistic"``, see :func:`~common.evaluation.linear_classifier`.
        c_grid: penalties to choose from (**ours**).
        class_weight: ``"balanced"`` (**ours**) or ``None``.
        validation_fraction: part of the training subjects on which the penalty is chosen.
        select: number of features to keep of a set, by its name, see :func:`~common.evaluation.linear_classifier`; sets
            without a number keep all.
        transductive: whether pre-training saw the test subjects' images, as in the paper; the report says so.
        modalities: names of the modalities; sets named ``<method> (<modality>)`` share a row of the report.
        shuffle_labels: whether to shuffle the training labels, as negative control.
        extra_predictions: predictions of other methods to report too, see :func:`read_predictions`.
        resamples: number of bootstrap resamples.
        figures: whether to draw figures.
        num_workers: number of processes; by default one per core.
        progress: whether to show a progress bar.

    Raises:
        InputError: tables or arguments are invalid; all problems are listed.

    Example:
        >>> probe = LinearProbe({"Trad. radiomics": ["radiomics.csv"], "3DSiam": ["fold{fold}/features.csv"]}, "probe")
        >>> summary = probe.run()
    """

    def __init__(
        self,
        feature_sets: Mapping[str, Sequence[str]],
        output_dir: str | Path,
        *,
        classes: Sequence[str] | None = None,
        positive: int | None = None,
        label_fractions: Sequence[float] = (1.0,),
        seeds: Sequence[int] = (0,),
        classifier: str = "svm",
        c_grid: Sequence[float] = (1e-4, 1e-3, 1e-2, 1e-1, 1.0, 10.0),
        class_weight: str | None = "balanced",
        validation_fraction: float = 0.2,
        select: Mapping[str, int] | None = None,
        transductive: bool = False,
        modalities: Sequence[str] = (),
        shuffle_labels: bool = False,
        extra_predictions: Mapping[str, Any] | None = None,
        resamples: int = 2000,
        figures: bool = True,
        num_workers: int | None = None,
        progress: bool = True,
    ) -> None:
        self.label_fractions, self.seeds = list(label_fractions), list(seeds)
        self.extra_predictions = dict(extra_predictions or {})
        self.sets = self._feature_sets(feature_sets, len(classes) if classes else None)
        self.names = list(feature_sets)
        self.output_dir = Path(output_dir)
        self.classes, self.positive, self.modalities = classes, positive, list(modalities)
        self.options: dict[str, Any] = {
            "classifier": classifier,
            "c_grid": list(c_grid),
            "class_weight": class_weight,
            "validation_fraction": validation_fraction,
        }
        self.select = dict(select or {})
        self.transductive, self.shuffle_labels = transductive, shuffle_labels
        self.collapsed: dict[str, set[int]] = {}
        self.resamples, self.figures = resamples, figures
        self.num_workers, self.progress = num_workers, progress
        self._check()

    def run(self) -> dict[str, Any]:
        """Fit, predict, and write everything.

        Returns:
            The content of ``metrics.json``.
        """
        others = [read_predictions(source, name) for name, source in self.extra_predictions.items()]
        predictions = pd.concat([*self._fit_all(), *others], ignore_index=True)
        for note in self._collapsed():
            logger.warning(note)
        return write_report(
            predictions,
            self.output_dir,
            classes=self.classes,
            positive=self.positive,
            modalities=self.modalities,
            notes=self._notes(),
            resamples=self.resamples,
            figures=self.figures,
        )

    def _feature_sets(self, sets: Mapping[str, Sequence[str]], num_classes: int | None) -> dict[int, FeatureSets]:
        """Checked tables of each seed; tables shared by all seeds are read once."""
        if not sets and self.extra_predictions:
            return {}
        paths = {name: [found] if isinstance(found, str | Path) else list(found) for name, found in sets.items()}
        if not any(SEED in str(path) for found in paths.values() for path in found):
            return dict.fromkeys(self.seeds, FeatureSets(paths, num_classes))
        return {
            seed: FeatureSets(
                {name: [str(path).replace(SEED, str(seed)) for path in found] for name, found in paths.items()},
                num_classes,
            )
            for seed in self.seeds
        }

    def _fit_all(self) -> list[pd.DataFrame]:
        """Predictions of every job, in parallel."""
        splits = [
            (fraction, seed, fold)
            for fraction, (seed, sets) in itertools.product(self.label_fractions, self.sets.items())
            for fold in sets.folds
        ]
        training = {split: self._training_rows(*split) for split in splits}
        jobs = [Job(name, *split) for name in self.names for split in splits]
        tasks = (self._task(job, training[job.fraction, job.seed, job.fold]) for job in jobs)
        workers = max(min(self.num_workers or joblib.cpu_count(), len(jobs)), 1)
        with joblib.parallel_config("loky", n_jobs=workers, inner_max_num_threads=1):
            results = joblib.Parallel(return_as="generator")(tasks)
            bar = tqdm(results, total=len(jobs), desc="linear probe", unit="fit", disable=not (self.progress and jobs))
            return list(bar)

    def _check(self) -> None:
        problems = []
        number = len(self.classes) if self.classes else max((s.num_classes for s in self.sets.values()), default=None)
        if number and self.positive is not None and not 0 <= self.positive < number:
            problems.append(f"positive: found {self.positive}; expected an index below {number}")
        if self.options["classifier"] not in CLASSIFIERS:
            found = self.options["classifier"]
            problems.append(f"classifier: found {found!r}; expected one of {', '.join(CLASSIFIERS)}")
        problems += [
            f"label_fractions: found {fraction}; expected more than 0 and at most 1"
            for fraction in self.label_fractions
            if not 0 < fraction <= 1
        ]
        for name in ("label_fractions", "seeds"):
            values = getattr(self, name)
            if not values or len(set(values)) < len(values):
                problems.append(f"{name}: found {values}; expected at least one, each once")
        if not self.options["c_grid"] or min(self.options["c_grid"]) <= 0:
            problems.append(f"c_grid: found {self.options['c_grid']}; expected positive penalties")
        if not 0 < self.options["validation_fraction"] < 1:
            problems.append(
                f"validation_fraction: found {self.options['validation_fraction']}; expected more than 0, less than 1, "
                'as these subjects choose the penalty; --train "{validation_fraction: 0}" is of the networks alone'
            )
        problems += [
            f"select: found {number!r} for {name}; expected a number of features from 1"
            for name, number in self.select.items()
            if isinstance(number, bool) or not isinstance(number, int) or number < 1
        ]
        if clash := sorted(set(self.extra_predictions) & set(self.names)):
            problems.append(f"extra_predictions: {', '.join(clash)} is also a feature set; choose another name")
        if self.transductive and (per_fold := self._per_fold()):
            problems.append(
                f"transductive: true, but {', '.join(per_fold)} has features per fold ({FOLD}); set it to false"
            )
        if problems:
            raise InputError.of_rows("probe", problems)

    def _training_rows(self, fraction: float, seed: int, fold: int) -> np.ndarray:
        """Training rows of the cohort, the same subjects for all feature sets and for a supervised network."""
        from ...data import keep_label_fraction

        cohort = self.sets[seed].cohort
        rows = cohort[cohort["fold"] != fold].reset_index(names="line").to_dict("records")
        kept = [row["line"] for row in keep_label_fraction(rows, fraction, seed)]
        subjects = cohort.loc[kept].drop_duplicates("subject")
        counts = np.bincount(subjects["label"], minlength=self.sets[seed].num_classes)
        if counts.min() < 2:
            raise InputError(
                f"probe: fraction {fraction:g} leaves {counts.tolist()} training subjects per class without fold {fold}"
                "; expected two or more of each; raise label_fractions"
            )
        return np.array(kept)

    def _task(self, job: Job, training: np.ndarray) -> Any:
        sets = self.sets[job.seed]
        features, labels = sets.features(job.name, job.fold), sets.cohort["label"].to_numpy()
        held_out = np.flatnonzero(sets.cohort["fold"] == job.fold)
        if constant(features[training]):
            self.collapsed.setdefault(job.name, set()).add(job.fold)
        targets = labels[training]
        if self.shuffle_labels:
            targets = np.random.default_rng([job.seed, job.fold]).permutation(targets)
        keys = sets.cohort.loc[held_out]
        positive = sets.num_classes - 1 if self.positive is None else self.positive
        return joblib.delayed(_fit_and_predict)(
            job,
            features[training],
            targets,
            sets.cohort["subject"].to_numpy()[training],
            features[held_out],
            keys,
            positive,
            {**self.options, "select": self.select.get(job.name)},
        )

    def _per_fold(self) -> list[str]:
        """Feature sets of one encoder per fold."""
        return [name for name in self.names if next(iter(self.sets.values())).per_fold(name)]

    def _collapsed(self) -> list[str]:
        return [
            f"{name}: every feature is constant over the training subjects without fold "
            f"{', '.join(map(str, sorted(folds)))}, so that it predicts there as if by chance (a collapsed encoder?)."
            for name, folds in self.collapsed.items()
        ]

    def _notes(self) -> list[str]:
        if not self.sets:
            return ["Pre-training was **transductive**."] if self.transductive else []
        per_fold = self._per_fold()
        notes = self._collapsed()
        notes += [
            f"{name}: the {number} features with the largest F of an analysis of variance over classes, chosen on the "
            "training subjects of each fold."
            for name, number in self.select.items()
        ]
        return notes + probe_notes(
            per_fold,
            [name for name in self.names if name not in per_fold],
            transductive=self.transductive,
            shuffle_labels=self.shuffle_labels,
            options=self.options,
            folds=len(self.sets[self.seeds[0]].folds),
            seeds=self.seeds,
        )


class UnreadProbe(LinearProbe):
    """A probe whose settings are checked when there are no tables yet; it cannot be run."""

    def _feature_sets(self, sets: Mapping[str, Sequence[str]], num_classes: int | None) -> dict[int, FeatureSets]:
        return {}

    def _per_fold(self) -> list[str]:
        return []


def _fit_and_predict(
    job: Job,
    features: np.ndarray,
    labels: np.ndarray,
    subjects: np.ndarray,
    held_out: np.ndarray,
    keys: pd.DataFrame,
    positive: int,
    options: Mapping[str, Any],
) -> pd.DataFrame:
    """Predictions for the held-out subjects' images, whose labels are only copied into the table."""
    try:
        probe = fit_probe(features, labels, subjects, seed=job.seed, **options)
    except InputError as error:
        raise InputError(f"probe: {job.name}, fold {job.fold}, fraction {job.fraction:g}: {error}") from error
    predictions, scores, probabilities = probe.decide(held_out, positive)
    table = keys.assign(set=job.name, fraction=job.fraction, seed=job.seed, c=probe.c, prediction=predictions)
    columns = {"score": scores} if scores.ndim == 1 else {f"score_{k}": scores[:, k] for k in range(scores.shape[1])}
    columns |= {f"probability_{k}": probabilities[:, k] for k in range(probabilities.shape[1])}
    return table.assign(**columns)
