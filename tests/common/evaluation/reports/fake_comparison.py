"""Output folder of a comparison over label fractions that was not trained: made-up predictions and curves."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd

from common.evaluation import write_report

#: Signal of each method in standard deviations.
METHODS = {"Radiomics": 0.8, "Supervised": 0.4, "3DSiam + SE + fine-tuned": 2.0, "3DSiam + SE + linear probe": 1.6}


def write_comparison(
    folder: Path, rows: list[dict], *, fractions: tuple[float, ...] = (0.5, 1.0), seeds: tuple[int, ...] = (0,)
) -> pd.DataFrame:
    """Write ``report/`` and curves of a pre-training and a fine-tuning for each fold; return the predictions."""
    table = pd.DataFrame([{"subject": row["subject"], "fold": row["fold"], "label": row["label"]} for row in rows])
    table["row"] = np.arange(len(table))
    table = table.drop_duplicates("subject")
    parts = []
    for number, (name, strength) in enumerate(METHODS.items()):
        for fraction in fractions:
            for seed in seeds:
                noise = np.random.default_rng([number, seed]).normal(size=len(table))
                score = noise + strength * fraction**0.5 * (table["label"] - 0.5) * 2
                p = 1 / (1 + np.exp(-score))
                keys = {"set": name, "fraction": fraction, "seed": seed}
                values = {"probability_0": 1 - p, "probability_1": p, "prediction": (p > 0.5).astype(int)}
                parts.append(table.assign(**keys, **values))
    predictions = pd.concat(parts, ignore_index=True)
    write_report(predictions, folder / "report", classes=["low", "high"], resamples=200, figures=False)
    (folder / "settings.json").write_text(json.dumps({"settings": {"box_size": [32, 32, 32]}, "overlays": []}))
    for fold in sorted(table["fold"].unique()):
        write_curves(folder / "se" / f"fold{fold}", pretraining=True, seed=fold)
        run = folder / "labels100" / "seed0" / "se+train" / f"fold{fold}"
        write_curves(run, pretraining=False, seed=fold)
        (run / "evaluate").mkdir()
        of_fold = predictions[predictions["set"] == "3DSiam + SE + fine-tuned"]
        of_fold = of_fold[(of_fold["fold"] == fold) & (of_fold["fraction"] == 1) & (of_fold["seed"] == 0)]
        columns = ["subject", "row", "fold", "label", "prediction", "probability_0", "probability_1"]
        of_fold[columns].to_csv(run / "evaluate" / "predictions.csv", index=False)
    return predictions


def write_curves(folder: Path, pretraining: bool, seed: int, epochs: int = 8) -> None:
    """``metrics.csv`` of one training."""
    folder.mkdir(parents=True)
    rng, epoch = np.random.default_rng(seed), np.arange(1, epochs + 1)
    columns = {"epoch": epoch, "loss": -0.6 - 0.3 * (1 - np.exp(-epoch / 3)) + 0.02 * rng.normal(size=epochs)}
    if pretraining:
        columns |= {
            "knn_balanced_accuracy": 0.5 + 0.03 * epoch,
            "effective_rank": 4.0 + epoch,
            "feature_std": 0.8,
            "learning_rate": 0.05,
        }
    else:
        columns |= {"val_auc": 0.6 + 0.03 * epoch}
    pd.DataFrame(columns).to_csv(folder / "metrics.csv", index=False)
