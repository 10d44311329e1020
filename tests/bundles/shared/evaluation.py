"""From weights to predictions of the held-out fold and their report."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd


class SharedEvaluation:
    """Tests of every bundle's ``test_features_and_evaluation.py``."""

    #: what the report calls the classifier
    evaluated: str

    def test_evaluation_writes_predictions_and_a_report_of_the_held_out_fold(
        self, run_config, configs, tiny, classifier, rows, tmp_path
    ):
        overrides = tiny | {"checkpoint": classifier, "output_dir": tmp_path}
        run_config(configs / "evaluate.yaml", workflow_type="infer", **overrides)
        table = pd.read_csv(tmp_path / "predictions.csv", dtype={"subject": str, "session": str})
        columns = [name for name in ("subject", "session", "label") if name in rows[0]]
        held_out = {place: row for place, row in enumerate(rows) if row["fold"] == 0}
        expected = {place: {name: row[name] for name in columns} for place, row in held_out.items()}
        assert len(table) == len(held_out) and table.set_index("row")[columns].to_dict("index") == expected
        np.testing.assert_allclose(table["probability_0"] + table["probability_1"], 1, atol=1e-5)
        assert (table["prediction"] == (table["probability_1"] > 0.5)).all()
        records = json.loads((tmp_path / "predictions.json").read_text())
        assert [record["subject"] for record in records] == list(table["subject"])
        summary = json.loads((tmp_path / "report/metrics.json").read_text())
        assert summary["subjects"] == len({row["subject"] for row in held_out.values()})
        assert summary["results"][0]["set"] == self.evaluated
        assert {"accuracy", "sensitivity", "specificity", "auc"} <= set(summary["results"][0]["metrics"])
        assert "Majority class" in (tmp_path / "report/report.md").read_text()

    def test_the_zoo_may_run_training_and_evaluation_as_one(self, run_config, configs, tiny, classifier, tmp_path):
        """The model zoo's check of ``[train, evaluate]``: the second file on top of the first gives an evaluation."""
        overrides = tiny | {"checkpoint": classifier, "output_dir": tmp_path}
        workflow = run_config(configs / "train.yaml", configs / "evaluate.yaml", workflow_type="infer", **overrides)
        assert workflow.check_properties() == []
        assert (tmp_path / "predictions.csv").is_file() and not (tmp_path / "checkpoint.pt").exists()
