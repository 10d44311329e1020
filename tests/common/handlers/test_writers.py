from __future__ import annotations

import json

import numpy as np
import pandas as pd
import torch
from ignite.engine import Engine

from common.feature_table import feature_columns, read_table
from common.handlers import FeatureWriter, PredictionWriter


def evaluator(predictions: torch.Tensor) -> tuple[Engine, list]:
    """An engine whose batches and outputs are decollated, as MONAI's evaluators leave them."""
    rows = [{"subject": f"{i:03d}", "fold": i % 2, "label": torch.tensor(i % 3)} for i in range(len(predictions))]

    def step(engine, indices):
        engine.state.batch = [rows[i] for i in indices]
        return [{"pred": predictions[i]} for i in indices]

    return Engine(step), [[0, 1], [2]]


def test_features_come_back_bit_for_bit_with_their_subjects(tmp_path):
    features = torch.randn(3, 5)
    engine, data = evaluator(features)
    FeatureWriter(tmp_path / "deep" / "learnt.csv").attach(engine)
    engine.run(data)
    table = read_table(tmp_path / "deep" / "learnt.csv")
    assert table["subject"].tolist() == ["000", "001", "002"] and table["fold"].tolist() == [0, 1, 0]
    found = table[[f"learnt_{i:03d}" for i in range(5)]].to_numpy().astype(np.float32)
    assert np.array_equal(found, features.numpy())


def test_features_of_each_modality_go_into_a_table_of_their_own(tmp_path):
    features = torch.randn(3, 2, 5)
    engine, data = evaluator(features)
    FeatureWriter(tmp_path / "learnt_{modality}.csv", modalities=["T1", "T2"]).attach(engine)
    engine.run(data)
    for column, modality in enumerate(["T1", "T2"]):
        table = read_table(tmp_path / f"learnt_{modality}.csv")
        assert table["subject"].tolist() == ["000", "001", "002"]
        found = table[[f"learnt_{i:03d}" for i in range(5)]].to_numpy().astype(np.float32)
        assert np.array_equal(found, features[:, column].numpy())


def test_predictions_are_the_most_probable_classes_in_csv_and_json(tmp_path):
    engine, data = evaluator(torch.tensor([[0.25, 0.75], [0.5, 0.5], [1.0, 0.0]]))
    PredictionWriter(tmp_path / "predictions.csv").attach(engine)
    engine.run(data)
    table = pd.read_csv(tmp_path / "predictions.csv", dtype={"subject": str})
    assert table["prediction"].tolist() == [1, 0, 0] and table["label"].tolist() == [0, 1, 2]
    assert table[["probability_0", "probability_1"]].values.tolist() == [[0.25, 0.75], [0.5, 0.5], [1.0, 0.0]]
    assert json.loads((tmp_path / "predictions.json").read_text())[0]["subject"] == "000"


def test_several_images_of_a_subject_keep_their_visit_and_place_in_the_datalist(tmp_path):
    rows = [{"subject": "a", "session": s, "row": torch.tensor(r)} for s, r in (("01", 7), ("02", 3))]

    def step(engine, indices):
        engine.state.batch = rows
        return [{"pred": torch.tensor([0.5, 0.5])} for _ in rows]

    for writer, name in ((PredictionWriter, "predictions.csv"), (FeatureWriter, "learnt.csv")):
        engine = Engine(step)
        writer(tmp_path / name).attach(engine)
        engine.run([[0, 1]])
        table = read_table(tmp_path / name)
        assert table["session"].tolist() == ["01", "02"] and table["row"].tolist() == [7, 3]
    assert feature_columns(table) == ["learnt_000", "learnt_001"]


def test_a_second_run_starts_anew(tmp_path):
    engine, data = evaluator(torch.rand(3, 2))
    PredictionWriter(tmp_path / "predictions.csv").attach(engine)
    engine.run(data)
    engine.run(data)
    assert len(pd.read_csv(tmp_path / "predictions.csv")) == 3


def test_predictions_name_the_modalities_that_a_subject_lacks(tmp_path):
    flags = [[False, False], [True, False], [True, True]]

    def step(engine, indices):
        engine.state.batch = [{"subject": str(i), "missing": torch.tensor(flags[i])} for i in indices]
        return [{"pred": torch.tensor([0.5, 0.5])} for _ in indices]

    engine = Engine(step)
    PredictionWriter(tmp_path / "predictions.csv", modalities=["T1", "T2"]).attach(engine)
    for _ in range(2):  # a second run does not add to the first
        engine.run([[0, 1], [2]])
    table = pd.read_csv(tmp_path / "predictions.csv", keep_default_na=False)
    assert table["missing"].tolist() == ["", "T1", "T1 T2"]
