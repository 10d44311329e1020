"""Synthetic feature tables with known answers."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from common.feature_table import write_table


@pytest.fixture
def make_table(tmp_path):
    """Write a table of ``n`` subjects; ``strength`` is the distance of class means in the first three features."""

    def make(
        name: str = "a", n: int = 40, classes: int = 2, features: int = 6, strength: float = 0.0, seed: int = 0, **edits
    ) -> Path:
        rng = np.random.default_rng(seed)
        labels = np.arange(n) % classes
        values = rng.normal(size=(n, features))
        values[:, :3] += strength * labels[:, None]
        table = pd.DataFrame(values, columns=[f"{name}_{index:03d}" for index in range(features)])
        keys = {"subject": [f"sub-{i:03d}" for i in range(n)], "fold": np.arange(n) // classes % 5, "label": labels}
        table = table.assign(**keys)
        for edit in edits.values():
            table = edit(table)
        return write_table(table, tmp_path / f"{name}.csv")

    return make
