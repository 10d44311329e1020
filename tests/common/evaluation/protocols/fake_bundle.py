"""A bundle whose stages take no time: real configs, run by MONAI, that write tables as the real ones would."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

STAGE = """
imports:
- $import tests.common.evaluation.protocols.fake_bundle as fake
dataset_dir: none
datalist: $@dataset_dir + '/datalist.json'
output_dir: none
seed: 100
fold: 0
transductive: false
modality: null
modalities: [one]
method: {method}
per_modality: false
{ids}
run:
- $fake.{stage}({arguments})
"""
COMMON = "datalist=@datalist, output_dir=@output_dir, seed=@seed, fold=@fold, modality=@modality"
STAGES = {
    "pretrain": ("SimSiam+", "encoder_name: null\npairs: different", f"pretrain({COMMON}, transductive=@transductive)"),
    "extract_features": (
        "none",
        "learnt_table: learnt_{modality}.csv\ncheckpoint: none",
        f"extract({COMMON}, modalities=@modalities, checkpoint=@checkpoint, table=@learnt_table)",
    ),
    "train": (
        "CGC",
        "pretrained_encoder: null\npretrained_weights: null\nfusion: cgc\nvalidation_fraction: 0.0",
        f"train({COMMON}, start=[@pretrained_encoder, @pretrained_weights], fusion=@fusion)",
    ),
    "evaluate": ("CGC", "checkpoint: none\nfusion: cgc", f"evaluate({COMMON}, checkpoint=@checkpoint)"),
}
PROBE = """
imports:
- $import common
dataset_dir: none
datalist: $@dataset_dir + '/datalist.json'
output_dir: none
learnt_tables: {}
extra_predictions: {}
modalities: []
seeds: [0]
transductive: false
classifier: logistic
probe:
  _target_: common.evaluation.LinearProbe
  feature_sets: '@learnt_tables'
  output_dir: '@output_dir'
  classes:
    _target_: common.data.class_names
    path: '@datalist'
  modalities: '@modalities'
  seeds: '@seeds'
  classifier: '@classifier'
  c_grid: [1.0]
  transductive: '@transductive'
  extra_predictions: '@extra_predictions'
  resamples: 50
  figures: false
  num_workers: 1
  progress: false
run:
- $@probe.run()
"""
OVERLAYS = {
    "simsiam": "method: SimSiam\nencoder_name: SCL\nper_modality: true\npairs: same\n",
    "simsiam_mda": "method: SimSiam+\nencoder_name: MCL\n",
    "cgc": "method: CGC\n",
    "single": "method: Single\nper_modality: true\nfusion: null\n",
    "linear": "method: Linear\n",
}


def write_bundle(folder: Path) -> Path:
    """Write its configs."""
    configs = folder / "configs"
    configs.mkdir(parents=True)
    for stage, (method, ids, call) in STAGES.items():
        name, _, arguments = call.partition("(")
        text = STAGE.replace("{method}", method).replace("{ids}", ids).replace("{stage}", name)
        (configs / f"{stage}.yaml").write_text(text.replace("{arguments}", arguments.removesuffix(")")))
    (configs / "linear_probe.yaml").write_text(PROBE)
    for name, text in OVERLAYS.items():
        (configs / f"{name}.yaml").write_text(text)
    (configs / "logging.conf").write_text(
        "[loggers]\nkeys=root\n[handlers]\nkeys=\n[formatters]\nkeys=\n[logger_root]\nlevel=INFO\nhandlers=\n"
    )
    (configs / "metadata.json").write_text("{}")
    return folder


def write_cohort(folder: Path, subjects: int = 40) -> Path:
    """Write a datalist of three modalities with relative paths and folds, every other subject of class 1."""
    folder.mkdir(parents=True)
    rows = [
        {
            "image": [f"{name}/{i}.png" if (i, name) != (3, "T2") else None for name in ("T1", "T2")],
            "mask": f"mask/{i}.png",
            "subject": f"s{i:02d}",
            "label": i % 2,
            "fold": i // 2 % 2,
        }
        for i in range(subjects)
    ]
    content = {"labels": {"0": "stage 1", "1": "stage 2"}, "modality": {"0": "T1", "1": "T2"}, "note": "x"}
    (folder / "datalist.json").write_text(json.dumps({**content, "training": rows}))
    return folder


def pretrain(output_dir: str, **ids: Any) -> None:
    """Leave its settings as the weights."""
    Path(output_dir).mkdir(parents=True, exist_ok=True)
    (Path(output_dir) / "model.pt").write_text(json.dumps(ids))


train = pretrain


def extract(
    datalist: str,
    seed: int,
    fold: int,
    modality: str | None,
    modalities: list[str],
    checkpoint: str,
    table: str,
    **_: Any,
) -> None:
    """One table per modality with features that separate the classes in T2 only, and the folds of the datalist."""
    assert json.loads(Path(checkpoint).read_text())["modality"] == modality
    rows = pd.DataFrame(json.loads(Path(datalist).read_text())["training"])
    for name in [modality] if modality else modalities:
        x = np.random.default_rng([seed, fold]).normal(size=(len(rows), 3))
        x[:, 0] += 8 * rows["label"] * (name == "T2")
        features = pd.DataFrame(x, columns=["a", "b", "c"])
        pd.concat([rows[["subject", "fold", "label"]], features], axis=1).to_csv(
            table.replace("{modality}", name), index=False
        )


def evaluate(datalist: str, output_dir: str, seed: int, fold: int, checkpoint: str, **_: Any) -> None:
    """Predictions of the fold, right but for its first subject."""
    known = json.loads(Path(checkpoint).read_text())
    assert (known["seed"], known["fold"]) == (seed, fold)
    rows = pd.DataFrame(json.loads(Path(datalist).read_text())["training"])
    rows = rows.loc[rows["fold"] == fold, ["subject", "label"]].reset_index(drop=True)
    p = np.where(np.arange(len(rows)) == 0, 1 - rows["label"], rows["label"]) * 0.8 + 0.1
    Path(output_dir).mkdir(parents=True)
    rows.assign(prediction=(p > 0.5).astype(int), probability_0=1 - p, probability_1=p).to_csv(
        Path(output_dir) / "predictions.csv", index=False
    )
