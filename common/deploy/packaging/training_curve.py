"""The curve of a training: its loss and validation scores by epoch."""

from __future__ import annotations

import io
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ...files import write_atomically

__all__ = ["draw_training_curve"]

_PREFIX = "val_"  # of the columns of a validation, in the metrics of a training


def draw_training_curve(metrics: str | Path, path: str | Path) -> Path | None:
    """Draw the loss of each epoch, and below it the validation scores if there are any, as PNG.

    Args:
        metrics: ``metrics.json`` of a training, with a row for each epoch.
        path: path of the picture.

    Returns:
        ``path``; ``None`` where there is no such file, or fewer than two epochs.
    """
    rows: Sequence[Mapping[str, Any]] = json.loads(Path(metrics).read_text()) if Path(metrics).is_file() else []
    if len(rows) < 2:
        return None
    from matplotlib.figure import Figure  # without pyplot, whose state is global

    # not every epoch may have a validation
    scores = list(dict.fromkeys(name for row in rows for name in row if name.startswith(_PREFIX)))
    figure = Figure(figsize=(6, 4 if scores else 2.4), layout="constrained")
    axes = figure.subplots(2 if scores else 1, 1, sharex=True, squeeze=False)[:, 0]
    epochs = [row["epoch"] for row in rows]
    axes[0].plot(epochs, [row["loss"] for row in rows])
    axes[0].set_ylabel("training loss")
    for name in scores:
        found = [(row["epoch"], row[name]) for row in rows if row.get(name) is not None]
        axes[-1].plot(*zip(*found, strict=True), label=name.removeprefix(_PREFIX))
    if scores:
        axes[-1].set_ylabel("validation")
        axes[-1].legend(fontsize="small")
    axes[-1].set_xlabel("epoch")
    content = io.BytesIO()
    figure.savefig(content, format="png", dpi=100, metadata={"Software": None})
    return write_atomically(path, content.getvalue())
