"""Repeated cross-validation, with new folds for each seed."""

from __future__ import annotations

import json
import os
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ...counts import counted
from ...datalist_json import indexed_names, read_datalist
from ...errors import InputError
from ...files import write_atomically
from ...fold_files import SEED
from ...programs import command_of

__all__ = [
    "Repetition",
    "modality_names",
    "repetitions",
    "seen_from",
    "subjects_of",
    "training_rows",
    "write_images_only",
]


@dataclass(frozen=True)
class Repetition:
    """One cross-validation.

    Args:
        output_dir: folder for its outputs.
        folds: numbers of its folds.
        seed: random seed for folds and training; ``None`` for the datalist's folds and the configs' own seed.
        redealt: whether the folds are dealt by the seed, into a datalist in its folder.
    """

    output_dir: Path
    folds: tuple[int, ...]
    seed: int | None = None
    redealt: bool = True

    @property
    def name(self) -> str:
        """Prefix for messages."""
        return "" if self.seed is None else f"seed {self.seed}, "

    @property
    def overrides(self) -> dict[str, Any]:
        """Config ids to set in every stage, and their values."""
        if self.seed is None:
            return {}
        return {"seed": self.seed, **({"datalist": str(self.output_dir / "datalist.json")} if self.redealt else {})}


def repetitions(
    datalist: Path, output_dir: Path, seeds: Sequence[int], num_folds: int | None
) -> tuple[list[Repetition], Path]:
    """The cross-validations to run.

    Args:
        datalist: datalist of the cohort.
        output_dir: output folder of the comparison.
        seeds: random seeds, one repetition each, in ``<output_dir>/seed<s>``; if empty, the datalist's folds are used.
        num_folds: number of folds for each seed; by default as many as the datalist has, or five.

    Returns:
        The repetitions, and their folder with ``{seed}`` for the number.

    Raises:
        InputError: there is no datalist, or it has no folds and there are no seeds.
    """
    rows = training_rows(datalist)
    if seeds:
        folds = tuple(range(num_folds or len(_held_out_folds(rows)) or 5))
        return [Repetition(output_dir / f"seed{seed}", folds, seed) for seed in seeds], output_dir / f"seed{SEED}"
    if num_folds is not None:
        raise InputError(f"folds: found {num_folds} without seeds to assign them; set seeds, or leave folds out")
    if lacking := [row.get("subject") for row in rows if "fold" not in row]:
        whom = f"{counted(len(lacking), 'subject')}, {lacking[0]} first"
        raise InputError(f"{datalist}: no fold for {whom}; run {command_of('make_datalist')}")
    return [Repetition(output_dir, tuple(sorted(_held_out_folds(rows))))], output_dir


def _held_out_folds(rows: Sequence[Mapping[str, Any]]) -> set[int]:
    """Folds with labels, or all where nobody has one."""
    labelled = [row for row in rows if row.get("label") is not None] or rows
    return {row["fold"] for row in labelled if row.get("fold") is not None}


def modality_names(datalist: Path) -> list[str]:
    """Names of a cohort's modalities in the order of their indices; empty if the datalist does not name them.

    Raises:
        InputError: there is no datalist, or a name is not valid in a file name.
    """
    names = indexed_names(datalist, read_datalist(datalist), "modality")
    found = [str(names[str(index)]) for index in range(len(names))]
    if wrong := [name for name in found if "/" in name or not name]:
        raise InputError(f"{datalist}: modality: found {', '.join(map(repr, wrong))}; expected names without a slash")
    return found


def subjects_of(datalist: Path, folds: Collection[int] | None = None) -> set[str]:
    """Names of the training subjects.

    Args:
        datalist: path of a datalist.
        folds: folds whose subjects to return; by default all subjects.

    Raises:
        InputError: there is no datalist.
    """
    rows = training_rows(datalist)
    return {str(row.get("subject")) for row in rows if folds is None or row.get("fold") in folds}


def training_rows(datalist: Path) -> list[dict[str, Any]]:
    """Rows of a datalist's training section.

    Raises:
        InputError: the datalist cannot be read, or has no such rows.
    """
    rows = read_datalist(datalist).get("training")
    if not isinstance(rows, list) or not rows or not all(isinstance(row, dict) for row in rows):
        raise InputError(
            f"{datalist}: found no list of rows 'training'; expected one; run {command_of('make_datalist')}"
        )
    return rows


def write_images_only(datalist: Path, path: Path) -> Path:
    """Write a datalist's training section without labels and masks, which a pre-training must not see.

    Args:
        datalist: datalist of the cohort.
        path: datalist to write; paths that are relative stay so, so that both can be moved together.
    """
    content, base, folder = read_datalist(datalist), datalist.parent.absolute(), path.parent.absolute()
    rows = [{key: row[key] for key in row if key not in ("label", "mask")} for row in training_rows(datalist)]
    kept = {key: content[key] for key in ("modality",) if key in content}
    training = [{key: seen_from(folder, row[key], base) if key == "image" else row[key] for key in row} for row in rows]
    return write_atomically(path, json.dumps({**kept, "training": training}, indent=1))


def seen_from(folder: Path, value: Any, base: Path) -> Any:
    """Paths that are relative to ``base`` as relative to a folder; all else as it is."""
    if isinstance(value, list):
        return [seen_from(folder, item, base) for item in value]
    return os.path.relpath(base / value, folder) if isinstance(value, str) and not os.path.isabs(value) else value
