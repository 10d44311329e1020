"""Writing of datalists that can be moved together with their images."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ..files import write_atomically

__all__ = ["absolute_row", "portable_row", "write_datalist"]

PATH_KEYS = ("image", "mask", "label")


def write_datalist(
    path: str | os.PathLike,
    training: Sequence[Mapping[str, Any]],
    testing: Sequence[Mapping[str, Any]] = (),
    *,
    labels: Sequence[str] | None = None,
    name: str | None = None,
    modality: Sequence[str] | None = None,
) -> Path:
    """Write rows as a Decathlon-style JSON; the file is written completely or not at all.

    Absolute paths of files in the datalist's folder are written relative to it, so that the folder can be moved;
    other absolute paths are not changed. Relative paths are taken as relative to the datalist's folder.

    Args:
        path: JSON file to write.
        training: rows with ``image`` (a path, or one path or ``None`` per modality), ``subject``, and optionally
            ``mask``, ``label`` (an index, or the path of a label map), ``fold`` and other keys.
        testing: rows of a test set, without folds.
        labels: class names, of which ``label`` is an index or a map of indices.
        name: name of the cohort.
        modality: names of the modalities in the order of ``image``.

    Returns:
        The path written.
    """
    path = Path(path)
    content: dict[str, Any] = {}
    if name is not None:
        content["name"] = name
    if labels is not None:
        content["labels"] = {str(index): label for index, label in enumerate(labels)}
    if modality is not None:
        content["modality"] = {str(index): label for index, label in enumerate(modality)}
    base = Path(os.path.abspath(path)).parent
    for section, rows in (("training", training), ("testing", testing)):
        content[section] = [portable_row(row, base) for row in rows]
    return write_atomically(path, json.dumps(content, indent=2, ensure_ascii=False) + "\n")


def portable_row(row: Mapping[str, Any], base: Path) -> dict[str, Any]:
    """A row whose paths of files below a folder are relative to it.

    Args:
        row: row with absolute paths.
        base: folder of the datalist, as an absolute path.
    """

    def portable(value: Any) -> Any:
        """A path, or each of a list, relative to the folder if it is in it; other values as they are."""
        if value is None or isinstance(value, int):  # a missing modality; a class
            return value
        if isinstance(value, list | tuple):
            return [portable(item) for item in value]
        path = Path(os.path.normpath(value))
        return (path.relative_to(base) if path.is_relative_to(base) else path).as_posix()

    return {key: portable(value) if key in PATH_KEYS else value for key, value in row.items()}


def absolute_row(row: Mapping[str, Any], base: Path) -> dict[str, Any]:
    """A row whose paths are absolute.

    Args:
        row: row of a datalist.
        base: folder to which its paths are relative.
    """

    def absolute(value: Any) -> Any:
        """A path, or each of a list; other values as they are."""
        if isinstance(value, list):
            return [absolute(item) for item in value]
        return os.path.abspath(base / value) if isinstance(value, str) else value

    return {key: absolute(value) if key in PATH_KEYS else value for key, value in row.items()}
