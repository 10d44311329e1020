"""The paper's experiment on kidney tumours as one call: other patients to pre-train on, then folds by patient."""

from __future__ import annotations

import json

import pandas as pd
import pytest

from common.evaluation import CrossValidation


@pytest.mark.slow
def test_each_patient_of_four_balanced_classes_is_judged_once_by_networks_that_have_not_seen_it(
    configs, tiny, kidney_phantoms, tmp_path
):
    settings = tmp_path / "kidney.yaml"
    settings.write_text(tiny["radiomics_settings"].read_text().replace("binWidth: 16", "binWidth: 20, label: 2"))
    names = ("cache_dir", "radiomics_workers", "depth", "widen_factor", "hidden_features", "quiet")
    options = {name: tiny[name] for name in names}
    options |= {"radiomics_settings": str(settings), "cache_dir": str(tiny["cache_dir"]), "lesion_slices": 3}
    others = kidney_phantoms / "datalist_pretraining.json"
    run = CrossValidation(
        configs.parent,
        kidney_phantoms,
        tmp_path / "out",
        methods=["pretrain"],
        finetune=["pretrain+hybrid"],
        overlays=["kidney"],
        pretraining_datalist=others,
        probe={"validation_fraction": 0.5, "num_workers": 1},
        max_epochs=1,
        batch_size=2,
        device="cpu",
        **options,
    )
    summary = json.loads(run.run().with_name("metrics.json").read_text())
    rows = json.loads((kidney_phantoms / "datalist.json").read_text())["training"]
    assert summary["subjects"] == len(rows) and len(summary["classes"]) == 4
    methods = {"Radiomics-deep", "Trad. radiomics", "Trad. + Radiomics-deep", "Radiomics-deep + Hybrid"}
    assert {entry["set"] for entry in summary["results"]} == methods
    table = pd.read_csv(tmp_path / "out/report/predictions.csv")
    assert (table.groupby("set")["subject"].nunique() == len(rows)).all() and len(table) == 4 * len(rows)
    assert (tmp_path / "out/pretrain/all/model.pt").is_file() and not (tmp_path / "out/pretrain/fold0").exists()
    notes = " ".join(summary["notes"])
    assert "One table is used for all folds" in notes and "transductive**" not in notes
