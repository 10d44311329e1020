"""Metrics of each image of an evaluator, and their mean over subjects."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import ignite.distributed as idist
import numpy as np
import pandas as pd
import torch
from ignite.engine import Engine, Events

from ..csv_text import csv_text
from ..errors import InputError
from ..files import write_atomically

__all__ = ["ImageMetrics"]


class ImageMetrics:
    """Several metrics of each segmented image, with means in ``engine.state.metrics`` and rows as CSV.

    The images of one subject (such as visits) are averaged first, then the subjects, so that subjects have equal
    weights. NaN, the value of undefined metrics, is left out. In a distributed run the rows of all processes are
    joined, and an image that a sampler repeated counts once.

    Keep ``decollate`` of the evaluator on; its postprocessing makes a label map of ``pred``, such as
    ``AsDiscreted(keys="pred", argmax=True)``.

    Args:
        function: function of prediction and truth, ``HxWxD`` each, that returns values by name, such as
            :func:`common.evaluation.lesion_metrics`.
        path: CSV with a row for each image; ``None`` for none.
        prefix: prefix of the names in ``engine.state.metrics``.

    Raises:
        InputError: a prediction or a label has several channels.

    Example:
        As a config has it::

            _target_: common.handlers.ImageMetrics
            function: {_target_: common.evaluation.lesion_metrics, _mode_: callable, connectivity: 2}
            path: $@output_dir + '/lesions.csv'
    """

    def __init__(
        self,
        function: Callable[[np.ndarray, np.ndarray], Mapping[str, float]],
        path: str | Path | None = None,
        prefix: str = "",
    ) -> None:
        self.function = function
        self.path = None if path is None else Path(path)
        self.prefix = prefix
        self._rows: list[dict[str, Any]] = []

    def attach(self, engine: Engine) -> None:
        """Compute in each iteration, report and write at the end of the epoch."""
        engine.add_event_handler(Events.EPOCH_STARTED, self._clear)
        engine.add_event_handler(Events.ITERATION_COMPLETED, self._measure)
        engine.add_event_handler(Events.EPOCH_COMPLETED, self._finish)

    def _clear(self, engine: Engine) -> None:
        self._rows = []

    def _measure(self, engine: Engine) -> None:
        for row, output in zip(engine.state.batch, engine.state.output, strict=True):
            known = {key: _plain(row[key]) for key in ("index", "subject", "session", "fold") if key in row}
            masks = [_label_map(output[key], key) for key in ("pred", "label")]
            self._rows.append({**known, **self.function(*masks)})

    def _finish(self, engine: Engine) -> None:
        rows = self._rows
        if idist.get_world_size() > 1:
            rows = [row for part in idist.all_gather({"rows": rows}) for row in part["rows"]]
        table = pd.DataFrame(rows)
        if "index" in table:
            table = table.drop_duplicates("index").sort_values("index")
        names = [name for name in table if name not in ("index", "subject", "session", "fold")]
        subjects = table.groupby("subject")[names].mean() if "subject" in table else table[names]
        means = {name: float(value) for name, value in subjects.mean().items()}
        engine.state.metrics |= {f"{self.prefix}{name}": value for name, value in means.items() if math.isfinite(value)}
        if self.path is not None and idist.get_rank() == 0:
            write_atomically(self.path, csv_text(table.drop(columns="index", errors="ignore")))


def _label_map(image: torch.Tensor, key: str) -> np.ndarray:
    """The only channel of ``CHWD``."""
    if len(image) != 1:
        raise InputError(
            f"{key}: found {len(image)} channels, expected one of labels; end postprocessing with AsDiscreted, argmax"
        )
    return torch.as_tensor(image[0]).cpu().numpy()


def _plain(value: Any) -> Any:
    return value.item() if isinstance(value, torch.Tensor) else value
