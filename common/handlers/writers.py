"""Features and predictions of an evaluator as tables."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from ignite.engine import Engine, Events

from ..csv_text import csv_text
from ..feature_table import write_table
from ..files import write_atomically

__all__ = ["FeatureWriter", "PredictionWriter"]

KEYS = ("subject", "session", "row", "fold", "label")


class _TableWriter:
    """Collect one row of ``pred`` for each image and write all at the end; the evaluator must have ``decollate``.

    Args:
        path: CSV file, whose folder is created if missing.
    """

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        self._keys: list[dict[str, Any]] = []
        self._values: list[np.ndarray] = []

    def attach(self, engine: Engine) -> None:
        """Collect in each iteration, write when the run is complete."""
        engine.add_event_handler(Events.STARTED, self._clear)
        engine.add_event_handler(Events.ITERATION_COMPLETED, self._collect)
        engine.add_event_handler(Events.COMPLETED, self.write)

    def _clear(self, engine: Engine) -> None:
        self._keys, self._values = [], []

    def _collect(self, engine: Engine) -> None:
        for row, output in zip(engine.state.batch, engine.state.output, strict=True):
            known = {key: _plain(row[key]) for key in KEYS if key in row}
            self._keys.append(known)
            self._values.append(output["pred"].float().cpu().numpy())

    def write(self, engine: Engine) -> None:
        """Write the table."""
        raise NotImplementedError


class FeatureWriter(_TableWriter):
    """A feature table: columns ``subject, session, row, fold, label``, as far as known, and ``<prefix>_000`` and on.

    Args:
        path: CSV file; with ``modalities``, a path with ``{modality}`` for one table each.
        prefix: prefix of the column names.
        modalities: names of the modalities if ``pred`` is ``[M, F]`` for each image; ``None`` if it is ``[F]``.
    """

    def __init__(self, path: str | Path, prefix: str = "learnt", modalities: Sequence[str] | None = None) -> None:
        super().__init__(path)
        self.prefix = prefix
        self.modalities = modalities

    def write(self, engine: Engine) -> None:
        """Write the table, or one for each modality."""
        values = np.stack(self._values)
        if self.modalities is None:
            self._write(values, self.path)
            return
        for column, modality in enumerate(self.modalities):
            self._write(values[:, column], Path(str(self.path).format(modality=modality)))

    def _write(self, values: np.ndarray, path: Path) -> None:
        names = [f"{self.prefix}_{column:03d}" for column in range(values.shape[1])]
        write_table(pd.concat([pd.DataFrame(self._keys), pd.DataFrame(values, columns=names)], axis=1), path)


class PredictionWriter(_TableWriter):
    """Class probabilities of each image as CSV, and beside it the same rows as JSON.

    Columns: ``subject, session, row, fold, label`` (as far as the datalist has them), ``prediction`` (index of the most
    probable class), ``probability_<class index>``, and with ``modalities`` also ``missing``, the modalities that the
    subject lacks and that were zeros. ``row`` is the image's index in the datalist, as a subject may have several.

    Args:
        path: CSV file.
        modalities: names of the modalities in the order of the flags ``missing`` of
            :class:`~common.transforms.LoadModalitiesd`; ``None`` if rows have no such flags.
    """

    def __init__(self, path: str | Path, modalities: Sequence[str] | None = None) -> None:
        super().__init__(path)
        self.modalities = modalities
        self._missing: list[str] = []

    def _clear(self, engine: Engine) -> None:
        super()._clear(engine)
        self._missing = []

    def _collect(self, engine: Engine) -> None:
        super()._collect(engine)
        if self.modalities is not None:
            for row in engine.state.batch:
                flags = zip(self.modalities, row["missing"], strict=True)
                self._missing.append(" ".join(name for name, flag in flags if flag))

    def write(self, engine: Engine) -> None:
        """Write both files."""
        values = np.stack(self._values).astype(np.float64)
        values /= values.sum(axis=1, keepdims=True)  # in float32 the sum is only nearly 1
        table = pd.DataFrame(self._keys)
        table["prediction"] = values.argmax(axis=1)
        for column in range(values.shape[1]):
            table[f"probability_{column}"] = values[:, column]
        if self.modalities is not None:
            table["missing"] = self._missing
        write_atomically(self.path, csv_text(table))
        write_atomically(self.path.with_suffix(".json"), table.to_json(orient="records", indent=1))


def _plain(value: Any) -> Any:
    return value.item() if isinstance(value, torch.Tensor) else value
