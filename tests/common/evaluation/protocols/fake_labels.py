"""The fake bundle with what a curve over label fractions needs: predictions that depend on the labels, radiomics."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from tests.common.evaluation.protocols.fake_bundle import write_bundle, write_cohort

__all__ = ["evaluate", "measure", "train", "write_cohort", "write_label_bundle"]

LABELS = "label_fraction: 1.0\nlabel_seed: 0\n"


def write_label_bundle(folder: Path) -> Path:
    """Write its configs; there is one table of learnt features for all modalities."""
    configs = write_bundle(folder) / "configs"
    for name, edits in {
        "train": [
            ("run:", f"{LABELS}run:"),
            ("fake.train(", "labels.train(label_fraction=@label_fraction, label_seed=@label_seed, "),
        ],
        "evaluate": [("fake.evaluate", "labels.evaluate")],
        "extract_features": [
            (
                "learnt_{modality}.csv",
                "learnt.csv\ntraditional_table: traditional.csv\noutline_table: outline.csv\n"
                "imagenet_slices_table: slices.csv\nslices:\n  encoder: null\nview: both",
            ),
            ("run:", "traditional: $labels.measure(datalist=@datalist, path=@traditional_table)\nrun:"),
            ("run:", "imagenet_slices: $labels.measure(datalist=@datalist, path=@imagenet_slices_table)\nrun:"),
            ("run:", "outline: $labels.measure(datalist=@datalist, path=@outline_table)\nrun:"),
        ],
    }.items():
        text = (configs / f"{name}.yaml").read_text()
        for old, new in [
            *edits,
            ("fake\n", "fake\n- $import tests.common.evaluation.protocols.fake_labels as labels\n"),
        ]:
            assert old in text
            text = text.replace(old, new, 1)
        (configs / f"{name}.yaml").write_text(text)
    (configs / "simsiam.yaml").write_text("method: SimSiam\npairs: same\n")
    (configs / "image.yaml").write_text("method: Image\nview: image\n")
    return folder


def train(output_dir: str, label_fraction: float, label_seed: int, **ids: Any) -> None:
    """Leave its settings as the weights, and a line for each start."""
    Path(output_dir).mkdir(parents=True, exist_ok=True)
    with (Path(output_dir) / "starts.txt").open("a") as starts:
        starts.write("start\n")
    reported = {"label_fraction": label_fraction, "label_seed": label_seed, **ids}
    (Path(output_dir) / "model.pt").write_text(json.dumps(reported))


def evaluate(datalist: str, output_dir: str, fold: int, checkpoint: str, **_: Any) -> None:
    """Predictions of the fold: right in so many of its first subjects as half of them and the label fraction say."""
    reported = json.loads(Path(checkpoint).read_text())
    assert reported["fold"] == fold and reported["seed"] == reported["label_seed"]
    rows = pd.DataFrame(json.loads(Path(datalist).read_text())["training"])
    rows = rows.loc[rows["fold"] == fold, ["subject", "label"]].reset_index(drop=True)
    right = np.arange(len(rows)) < len(rows) * (0.5 + reported["label_fraction"] / 2) - reported["seed"]
    p = np.where(right, rows["label"], 1 - rows["label"]) * 0.8 + 0.1
    Path(output_dir).mkdir(parents=True, exist_ok=True)
    rows.assign(prediction=(p > 0.5).astype(int), probability_0=1 - p, probability_1=p).to_csv(
        Path(output_dir) / "predictions.csv", index=False
    )


def measure(datalist: str, path: str) -> None:
    """A table of ten features; the first separates the classes, and the second is nearly equal to it."""
    rows = pd.DataFrame(json.loads(Path(datalist).read_text())["training"])
    x = np.random.default_rng(0).normal(size=(len(rows), 10))
    x[:, 0] += 2 * rows["label"]
    x[:, 1] = 5 * x[:, 0] + 0.01 * x[:, 1]
    features = pd.DataFrame(x, columns=["LogVolume", "LogDiameter", *(f"f{column}" for column in range(2, 10))])
    pd.concat([rows[["subject", "fold", "label"]].assign(status="ok"), features], axis=1).to_csv(path, index=False)
