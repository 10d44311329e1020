"""Held-out predictions for a calibration, read from files and checked; all invalid rows are reported at once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from sklearn.model_selection import StratifiedKFold

from ...errors import InputError
from ...feature_table import read_table
from ...fold_files import numbered_files
from ..subject_splits import SubjectSplits

__all__ = ["CalibrationRows", "read_calibration_rows"]

SUBJECT_PARTS = 5  # for predictions of one fold


@dataclass(frozen=True)
class CalibrationRows:
    """Predictions of ``n`` held-out images.

    ``subjects`` and ``labels`` are ``[n]``, ``probabilities`` ``[n, K]``. ``parts``, ``[n]``, are the parts for
    cross-fitting, and ``parts_are`` is their kind: ``fold`` or ``subjects``.
    """

    files: tuple[Path, ...]
    subjects: np.ndarray
    labels: np.ndarray
    probabilities: np.ndarray
    parts: np.ndarray
    parts_are: str

    @property
    def num_classes(self) -> int:
        """Number of classes."""
        return self.probabilities.shape[1]


def read_calibration_rows(sources: Sequence[str | Path], seed: int = 0) -> CalibrationRows:
    """Read files ``predictions.csv`` that ``evaluate.yaml`` wrote for held-out folds.

    The parts are the folds, from the files' column ``fold`` or else one per file. Predictions of a single fold are
    split by subject, stratified by class.

    Args:
        sources: files with predictions for held-out subjects; a path with ``{fold}`` names the files of all folds.
        seed: random seed for the split by subject.

    Raises:
        InputError: a file or column is missing; a row has no label, probabilities that do not add up to 1, or an image
            or subject that another row or fold has too; a class has fewer than two subjects.
    """
    files = list(dict.fromkeys(path for source in sources for path in numbered_files(source).values()))
    if not files:
        raise InputError("predictions: none; expected at least one predictions.csv; run evaluate.yaml on a fold first")
    tables = [_read(path, number) for number, path in enumerate(files)]
    columns = [_probability_columns(table) for table in tables]
    for path, names in zip(files, columns, strict=True):
        if len(names) != len(columns[0]):
            raise InputError(
                f"{path}: {len(names)} classes; expected the {len(columns[0])} of {files[0]}; give files of one task"
            )
    table = pd.concat(tables, ignore_index=True)
    _check(table, columns[0])
    parts, parts_are = _parts(table, seed)
    probabilities = table[columns[0]].to_numpy(dtype=float)
    probabilities = probabilities / probabilities.sum(axis=1, keepdims=True)  # rounded in the files
    labels = table["label"].to_numpy(dtype=int)
    return CalibrationRows(tuple(files), table["subject"].to_numpy(str), labels, probabilities, parts, parts_are)


def _read(path: Path, number: int) -> pd.DataFrame:
    table = read_table(path, text_columns=("subject", "session", "set", "missing"))
    if absent := [name for name in ("label", "probability_0", "probability_1") if name not in table]:
        raise InputError(
            f"{path}: no column {', '.join(absent)}; expected subject, label, probability_0, probability_1, ..., as "
            "evaluate.yaml writes them"
        )
    fold = table["fold"] if "fold" in table else pd.Series(number, index=table.index)
    return table.assign(file=str(path), line=np.arange(2, len(table) + 2), fold=fold)


def _probability_columns(table: pd.DataFrame) -> list[str]:
    return sorted((name for name in table if name.startswith("probability_")), key=lambda name: int(name.split("_")[1]))


def _check(table: pd.DataFrame, columns: list[str]) -> None:
    probabilities = table[columns].to_numpy(dtype=float)
    sums_up = np.isclose(probabilities.sum(1), 1, atol=1e-3) & (probabilities >= 0).all(1)
    image = ["subject", *(["row"] if "row" in table else [])]
    wrong = {
        "no label; expected the class, 0 and on": table["label"].isna(),
        f"label out of range; expected 0 to {len(columns) - 1}": table["label"].notna()
        & ~table["label"].isin(range(len(columns))),
        "no fold; expected the fold that was held out": table["fold"].isna(),
        "probabilities do not add up to 1": ~sums_up,
        "another row has this image; expected one classifier's prediction of each": table.duplicated(image, keep=False),
        "also in another fold; expected each subject in one": table.groupby("subject")["fold"].transform("nunique") > 1,
    }
    problems = [
        f"{row.file}:{row.line}: subject {row.subject}: {problem}"
        for problem, rows in wrong.items()
        for row in table[rows].itertuples()
    ]
    if problems:
        raise InputError.of_rows("predictions", problems)
    subjects = table.drop_duplicates("subject")["label"].value_counts()
    if few := [str(label) for label in range(len(columns)) if subjects.get(label, 0) < 2]:
        raise InputError(f"predictions: fewer than two subjects of class {', '.join(few)}; expected more; add folds")


def _parts(table: pd.DataFrame, seed: int) -> tuple[np.ndarray, str]:
    folds = table["fold"].to_numpy(dtype=int)
    if len(np.unique(folds)) > 1:
        return folds, "fold"
    splits = SubjectSplits(table["label"].to_numpy(dtype=int), table["subject"].to_numpy(str))
    splitter = StratifiedKFold(min(SUBJECT_PARTS, splits.counts.min()), shuffle=True, random_state=seed)
    parts = np.zeros(len(table), dtype=int)
    for part, (_, here) in enumerate(splits.of(splitter)):
        parts[here] = part
    return parts, "subjects"
