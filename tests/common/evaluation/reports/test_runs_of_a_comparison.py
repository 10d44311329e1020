"""Curves, weights and collapsed pre-trainings in the folder of a comparison."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from common.evaluation.predictions import outcomes_of
from common.evaluation.reports.study.runs import collapsed, read_curves, trained_networks


def write_curve(folder: Path, name: str, **columns: object) -> None:
    (folder / name).mkdir(parents=True)
    pd.DataFrame({"epoch": [1, 2], "loss": [0.5, 0.25], **columns}).to_csv(folder / name / "metrics.csv", index=False)


def test_curves_have_the_names_of_their_rows_encoders_and_modalities(tmp_path):
    write_curve(tmp_path, "se/fold0", own_key_rank=[0.3, 0.2])
    write_curve(tmp_path, "mcl/T1/fold1", feature_std=[0.9, 0.8])
    write_curve(tmp_path, "labels12.5/seed0/se+train/fold0")
    (tmp_path / "labels12.5/seed0/se+train/fold0/evaluate").mkdir()
    write_curve(tmp_path, "report")
    write_curve(tmp_path, "somewhere/else")
    write_curve(tmp_path, "plain/fold0")
    pd.DataFrame({"step": [1]}).to_csv(tmp_path / "plain/fold0/metrics.csv")  # of another program
    record = {"rows": [{"folder": "se+train", "name": "SE fine-tuned", "encoder": {"se": "SE", "mcl": "MCL"}}]}
    found = read_curves(tmp_path, record).groupby("run").first()
    assert found["method"].to_dict() == {
        "se/fold0": "SE",
        "mcl/T1/fold1": "MCL + T1",
        "labels12.5/seed0/se+train/fold0": "SE fine-tuned",
    }
    assert found["pretraining"].tolist() == [name != "labels12.5/seed0/se+train/fold0" for name in found.index]
    assert found.loc["labels12.5/seed0/se+train/fold0", "labels"] == 12.5 and np.isnan(found.loc["se/fold0", "labels"])
    assert read_curves(tmp_path / "report").empty and collapsed(pd.DataFrame()) == []


@pytest.mark.parametrize(
    ("last", "line", "remedy"),
    [
        (
            {"feature_std": 0.04},
            "all features are nearly equal (standard deviation 0.04 of 1)",
            "{learning_rate: 0.003}",
        ),
        (
            *({"feature_std": 0.06, "effective_rank": 2.5}, "the features span few dimensions (effective rank 2.5)"),
            "{learning_rate: 0.003}",
        ),
        (
            *(
                {"effective_rank": 3.5, "own_key_rank": 0.45},
                "images hardly find their second view (rank 0.45, chance 0.5)",
            ),
            "{max_epochs: 4}",
        ),
        ({"feature_std": 0.06, "effective_rank": 3.5, "own_key_rank": 0.4}, None, ""),
        ({"own_key_rank": 0.5, "epochs_at_chance": 0, "epochs_unlearnt": 1}, None, ""),  # a pretext task
        (
            {"own_key_rank": 0.5, "epochs_at_chance": 0, "epochs_unlearnt": 2},
            "for 2 epochs the loss has been no lower than at the start, or than by chance (2.5 in the last)",
            "{max_epochs: 4}",
        ),
        ({"own_key_rank": 0.5, "epochs_at_chance": 1, "epochs_unlearnt": 1}, None, ""),
        (
            {"own_key_rank": 0.5, "epochs_at_chance": 2, "epochs_unlearnt": 2},
            *("images hardly find their second view (rank 0.50, chance 0.5)", "{max_epochs: 4}"),
        ),
        (
            {"epochs_unlearnt": 3, "loss": -0.9},  # of RE, below its epochs without weights
            "for 3 epochs the loss has been no lower than at the start, or than by chance (-0.9 in the last)",
            "{max_epochs: 4}",
        ),
        ({"epochs_unlearnt": 1}, None, ""),
    ],
)
def test_a_pretraining_is_judged_by_its_last_epoch_and_a_training_never(last, line, remedy):
    good = {"loss": 2.5, "feature_std": 1.0, "effective_rank": 9.0, "own_key_rank": 0.1}
    curves = pd.DataFrame([{**good, "run": "se/fold0"}, {**good, **last, "run": "se/fold0"}]).assign(pretraining=True)
    curves = curves.assign(epoch=[1, 2], learning_rate=[0.03, 0.01])
    found = collapsed(curves)
    assert found[:1] == ([] if line is None else [f"se/fold0: {line}"]) and len(found) == 2 * len(found[:1])
    assert remedy in "".join(found[1:])
    if "max_epochs" in remedy:  # a budget may have set the epochs
        shortened = {"budget": {"seconds": 1200.0}, "estimate": {"shortened": ["pretrain", "train"]}}
        assert "--budget 40m" in collapsed(curves, shortened)[1]
        assert remedy in collapsed(curves, {**shortened, "estimate": {"shortened": ["train"]}})[1]
    assert collapsed(curves.iloc[::-1]) == [] and collapsed(curves.assign(pretraining=False)) == []


def test_the_weights_of_a_method_are_those_beside_the_probabilities_of_the_report(tmp_path):
    subjects, fold = [f"s{i}" for i in range(8)], np.arange(8) // 4
    predictions = pd.DataFrame({"subject": subjects, "row": range(8), "fold": fold, "label": np.arange(8) % 2})
    parts = []
    for number, name in enumerate(("One", "Two")):
        for seed in (0, 1):
            p = (np.arange(8) + 1 + number + 3 * seed) / 20
            values = {"set": name, "fraction": 1.0, "seed": seed, "prediction": 0}
            parts.append(predictions.assign(**values, probability_0=1 - p, probability_1=p))
    table = pd.concat(parts, ignore_index=True)
    for name, folder in (("One", "supervised"), ("Two", "se+train")):
        for seed in (0, 1):
            for k in (0, 1):
                place = tmp_path / f"seed{seed}" / folder / f"fold{k}"
                (place / "evaluate").mkdir(parents=True)
                own = table[(table["set"] == name) & (table["seed"] == seed) & (table["fold"] == k)]
                columns = [column for column in own if column not in ("set", "fraction", "seed")]
                own[columns][::-1].to_csv(place / "evaluate/predictions.csv", index=False)
                (place / "model.pt").touch()
    (tmp_path / "seed0/se+train/fold1/model.pt").unlink()
    (tmp_path / "seed0/supervised/fold0/evaluate/predictions.csv").write_text("nothing")
    one, two = outcomes_of(table, 1)
    assert trained_networks(tmp_path, two, table) == {0: tmp_path / "seed0/se+train/fold0/model.pt"}
    assert trained_networks(tmp_path, one, table) == {1: tmp_path / "seed0/supervised/fold1/model.pt"}
    probe = table.assign(probability_0=0.5)
    assert trained_networks(tmp_path, one, probe) == {}
