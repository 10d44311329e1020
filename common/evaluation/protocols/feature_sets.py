"""Feature tables for the rows of the paper's Table 2, matched by image and checked before fitting."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from pathlib import Path

import numpy as np
import pandas as pd

from ...errors import InputError
from ...feature_table import feature_columns, read_table
from ...fold_files import FOLD, fold_files, numbered_files

__all__ = ["FeatureSets", "with_traditional"]

logger = logging.getLogger(__name__)


class FeatureSets:
    """Features of every set for every fold, with the cohort's folds and labels.

    A table with a column ``row`` (the index in the datalist) has a row for each image, of which a subject may have
    several; a table without it has a row for each subject, which is used for all its images.

    Args:
        feature_sets: tables of each set, whose columns are concatenated. A path with ``{fold}`` names one table
            per fold, with features of all subjects by the encoder that was trained without that fold.
        num_classes: number of classes; by default the largest label plus 1.

    Raises:
        InputError: a table does not exist or is unreadable, a subject is in two folds, an image or subject occurs twice
            in a table or is missing in one, tables differ in folds or labels, a value is infinite, or a fold lacks a
            class.
    """

    def __init__(self, feature_sets: Mapping[str, Sequence[str]], num_classes: int | None = None) -> None:
        if not feature_sets:
            raise InputError("feature_sets: empty; expected at least one name with a list of feature tables")
        self.tables = {
            name: [paths] if isinstance(paths, str | Path) else list(paths) for name, paths in feature_sets.items()
        }
        paths = dict.fromkeys(str(path) for paths in self.tables.values() for path in paths)
        self._files = {path: fold_files(path) for path in paths}
        self._read = {file: _read(file) for files in self._files.values() for file in files.values()}
        self.cohort = self._cohort()
        self.num_classes = num_classes or int(self.cohort["label"].max()) + 1
        self._check_folds()
        self._check_tables()

    @cached_property
    def folds(self) -> list[int]:
        """The outer folds."""
        return sorted(int(fold) for fold in self.cohort["fold"].unique())

    def per_fold(self, name: str) -> bool:
        """Whether the set has features of one encoder per fold."""
        return any(FOLD in str(path) for path in self.tables[name])

    def features(self, name: str, fold: int) -> np.ndarray:
        """Features of a set for held-out ``fold``, with the rows of ``cohort``, shape ``[n, d]``, float64."""
        parts = []
        for path in self.tables[name]:
            files = self._files[str(path)]
            table = self._read[files.get(None) or files[fold]]
            rows = self.cohort[_keys(table)].merge(table, on=_keys(table), how="left")
            parts.append(rows[feature_columns(table)].to_numpy(dtype=np.float64))
        return np.concatenate(parts, axis=1)

    def _cohort(self) -> pd.DataFrame:
        """Images with fold and label, sorted by subject and row; all tables with these columns must agree."""
        problems: list[str] = []
        known = []
        for file, table in self._read.items():
            keys = table.reindex(columns=["subject", "row", "fold", "label"]).dropna(subset=["fold", "label"])
            known.append(keys.astype({"row": "Int64"}).assign(file=str(file)))
            problems += _repeated(file, keys, _keys(table))
        keys = _of_images(pd.concat(known, ignore_index=True))
        for column, owner in (("fold", ["subject"]), ("label", ["subject", "row"])):
            groups = keys.groupby(owner, dropna=False)
            for _, rows in keys[groups[column].transform("nunique") > 1].groupby(owner, dropna=False):
                found = ", ".join(
                    f"{getattr(row, column)} in {row.file}" for row in rows.drop_duplicates(column).itertuples()
                )
                subject = rows["subject"].iloc[0]
                problems.append(f"subject {subject}: {column} {found}; expected the same in all tables")
        if problems:
            raise InputError.of_rows("feature tables", list(dict.fromkeys(problems)))
        if keys.empty:
            raise InputError("feature tables: no subject has both fold and label; expected them in at least one table")
        images = keys.drop(columns="file").drop_duplicates(["subject", "row"])
        cohort = images.sort_values(["subject", "row"], ignore_index=True).dropna(axis=1, how="all")
        left_out = {subject for table in self._read.values() for subject in table["subject"]} - set(cohort["subject"])
        if left_out:
            logger.warning(
                "%d subjects without fold or label are left out: %s", len(left_out), ", ".join(sorted(left_out))
            )
        return cohort.astype({"fold": int, "label": int})

    def _check_folds(self) -> None:
        counts = pd.crosstab(self.cohort["fold"], self.cohort["label"])
        classes = range(self.num_classes)
        if int(self.cohort["label"].max()) >= self.num_classes or int(self.cohort["label"].min()) < 0:
            found = sorted(self.cohort["label"].unique().tolist())
            raise InputError(f"feature tables: labels {found}; expected 0 to {self.num_classes - 1}, one per class")
        problems = [
            f"fold {fold}: no subject of class {label}; use fewer folds or add subjects"
            for fold, row in counts.reindex(columns=classes, fill_value=0).iterrows()
            for label in classes
            if row[label] == 0
        ]
        if len(self.folds) < 2:
            problems.append(f"found fold {self.folds} only; expected two or more")
        if self.num_classes < 2:
            problems.append("found one class only; expected two or more")
        if problems:
            raise InputError.of_rows("feature tables", problems)

    def _check_tables(self) -> None:
        problems = []
        for path, files in self._files.items():
            if None not in files and (missing := sorted(set(self.folds) - set(files))):
                problems.append(f"{path}: no file for fold {', '.join(map(str, missing))}; extract its features")
            if len({tuple(feature_columns(self._read[file])) for file in files.values()}) > 1:
                problems.append(f"{path}: columns differ from fold to fold; expected the same")
        for file, table in self._read.items():
            known = self.cohort[_keys(table)].drop_duplicates()
            absent = known.merge(table[_keys(table)], how="left", indicator=True)
            if absent := sorted(absent.loc[absent["_merge"] == "left_only", "subject"]):
                what = "images, of" if "row" in table else "subjects:"
                problems.append(f"{file}: lacks {len(absent)} of {len(known)} {what} {', '.join(absent)}")
            if not (columns := feature_columns(table)):
                problems.append(f"{file}: no feature; expected columns beside subject, fold and label")
            infinite = [column for column in columns if np.isinf(table[column]).any()]
            if infinite:
                problems.append(f"{file}: infinite values in {', '.join(infinite[:5])}; expected finite ones")
        if problems:
            raise InputError.of_rows("feature tables", problems)


def _read(path: Path) -> pd.DataFrame:
    table = read_table(path)
    if "status" in table.columns and (failed := int((table["status"] != "ok").sum())):
        logger.warning(
            "%s: %d of %d images lack features; medians of the training folds are used", path, failed, len(table)
        )
    return table


def _keys(table: pd.DataFrame) -> list[str]:
    """Columns that identify a row of the table."""
    return ["subject", "row"] if "row" in table else ["subject"]


def _repeated(file: Path, keys: pd.DataFrame, names: list[str]) -> Iterator[str]:
    for subject, rows in keys[keys.duplicated(names, keep=False)].groupby("subject"):
        folds = sorted({int(fold) for fold in rows["fold"]})
        kind = f"in folds {folds}" if len(folds) > 1 else "listed twice"
        expected = "one line per subject, or a column row" if names == ["subject"] else "one line per row"
        yield f"{file}: subject {subject} is {kind}; expected {expected}"


def _of_images(keys: pd.DataFrame) -> pd.DataFrame:
    """Rows of subjects repeated for each of their images, if another table lists these."""
    whole = keys["row"].isna()
    images = keys.loc[~whole, ["subject", "row"]].drop_duplicates()
    return pd.concat([keys[~whole], keys[whole].drop(columns="row").merge(images, how="left")], ignore_index=True)


def with_traditional(learnt: Mapping[str, str], traditional: str | Path | None) -> dict[str, list[str]]:
    """Traditional radiomics alone, each learnt representation alone, and each together with the traditional ones.

    "We concatenate them to a new feature vector f = [f_trad, f_SSL]" (Li et al. 2021, section 3). Without a table of
    traditional features (PyRadiomics is not installed), only the learnt ones are used, with a warning.

    Args:
        learnt: feature table of each method, by name.
        traditional: table of the traditional features; a path with ``{seed}`` names one per seed.

    Returns:
        The feature sets of :class:`LinearProbe`, in the order of the paper's Table 2.
    """
    alone = {name: [table] for name, table in learnt.items()}
    if traditional is None or not _exists(traditional):
        logger.warning(f"{traditional}: no table of traditional features; the learnt features are evaluated alone.")
        return alone
    together = {f"Trad. + {name}": [str(traditional), table] for name, table in learnt.items()}
    return {"Trad. radiomics": [str(traditional)], **alone, **together}


def _exists(path: str | Path) -> bool:
    try:
        return bool(numbered_files(path))
    except InputError:
        return False
