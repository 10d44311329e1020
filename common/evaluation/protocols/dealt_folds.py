"""Folds of a repeated cross-validation: a datalist for each seed, which may be moved with the cohort."""

from __future__ import annotations

import itertools
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ...datalist_json import read_datalist
from ...errors import InputError
from ...files import write_atomically
from .repetitions import Repetition, seen_from, training_rows

__all__ = ["deal_folds"]

FILES = {"image", "mask"}
SECTIONS = ("training", "testing")


def deal_folds(datalist: Path, repetition: Repetition, claimed: bool = True) -> None:
    """Write a repetition's datalist, with the folds of its seed.

    Relative paths are relative to the new file, so that cohort and outputs can be moved together; other paths are as
    they were. A file whose folds and images are the same is not written again.

    Args:
        datalist: datalist of the cohort.
        repetition: repetition, whose folder receives the datalist.
        claimed: whether there are results with the folds of a datalist that is there already; else it is replaced.

    Raises:
        InputError: the file exists and differs, or :func:`~common.data.assign_folds` fails.
    """
    if repetition.seed is None:
        return
    content, path = _dealt(datalist, repetition), repetition.output_dir / "datalist.json"
    if claimed and path.is_file():
        before = read_datalist(path)
        if _without_places(before) != _without_places(content):
            raise InputError(
                f"{path}: has other folds or another cohort than {datalist} has now; name another output_dir"
            )
        if _files(before, path.parent) == _files(content, path.parent):
            return
    write_atomically(path, json.dumps(content, indent=2, ensure_ascii=False) + "\n")


def _dealt(datalist: Path, repetition: Repetition) -> dict[str, Any]:
    from ...data import assign_folds  # here, as the probe's worker processes don't need it

    content = dict(read_datalist(datalist))
    try:
        dealt = assign_folds(training_rows(datalist), num_folds=len(repetition.folds), seed=repetition.seed or 0)
    except InputError as error:  # whose num_folds is --folds of the commands that deal
        raise InputError(f"{datalist}: {str(error).replace('num_folds', 'folds')}") from None
    base, folder = datalist.parent.absolute(), repetition.output_dir.absolute()
    for section, rows in zip(SECTIONS, (dealt, content.get("testing")), strict=True):
        if rows:
            content[section] = [
                {key: seen_from(folder, row[key], base) if key in FILES else row[key] for key in row} for row in rows
            ]
    return content


def _without_places(content: Mapping[str, Any]) -> dict[str, Any]:
    """A datalist with the names of files instead of their paths, which are others after a move."""
    return {**content, **{section: [_named(row) for row in content.get(section) or ()] for section in SECTIONS}}


def _named(row: Mapping[str, Any]) -> dict[str, Any]:
    return {
        **row,
        **{key: [path and os.path.basename(path) for path in _listed(row[key])] for key in FILES & row.keys()},
    }


def _files(content: Mapping[str, Any], base: Path) -> list[str]:
    """Absolute paths of all files in their order."""
    rows = itertools.chain.from_iterable(content.get(section) or () for section in SECTIONS)
    paths = itertools.chain.from_iterable(_listed(row.get(key)) for row in rows for key in sorted(FILES))
    return [os.path.normpath(base / path) for path in paths if path is not None]


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]
