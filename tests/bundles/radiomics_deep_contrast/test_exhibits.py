"""Tables and figures of the paper end with the page that a reader opens, on phantoms and after one epoch.

Table 2 of the thyroid has the rows of Figure 2, and the table of frozen layers of the kidney runs as its Table 1.
"""

from __future__ import annotations

import json

import pytest

from tests.bundles.exhibits import check_links, check_table, reproduce, results

pytestmark = pytest.mark.slow


@pytest.fixture
def options(tiny):
    """Small networks and few features."""
    return {
        "widen_factor": 0.25,
        "hidden_features": [32, 16],
        "radiomics_settings": str(tiny["radiomics_settings"]),
        "radiomics_workers": 1,
        "cache_dir": str(tiny["cache_dir"]),
        "batch_size": 4,
        "image_size": [32, 32],
    }


@pytest.fixture
def kidneys(options, tiny, tmp_path):
    """The same for tumours in CT."""
    path = tmp_path / "kidney.yaml"
    path.write_text(tiny["radiomics_settings"].read_text().replace("binWidth: 16", "binWidth: 20, label: 2"))
    probe = {"num_workers": 1, "validation_fraction": 0.5}
    return {**options, "radiomics_settings": str(path), "lesion_slices": 3, "batch_size": 2, "probe": probe}


def test_table_1_of_the_thyroid_has_both_classifiers_of_each_encoder_and_a_second_start_trains_nothing(
    thyroid_phantoms, options, scratch
):
    request = ("radiomics_deep_contrast", "table 1", "thyroid", thyroid_phantoms, scratch)
    page = reproduce(*request, **options)
    check_table(page)
    before, text = results(page), page.text
    assert reproduce(*request, **options).text == text
    assert before and results(page) == before


def test_table_1_of_the_kidney_is_over_folds_of_patients_whom_no_pretraining_has_seen(
    kidney_phantoms, kidneys, scratch
):
    page = reproduce("radiomics_deep_contrast", "table 1", "kidney", kidney_phantoms, scratch, **kidneys)
    check_table(page)
    assert "±" in page.table["F1 (weighted)"].iloc[-1]
    assert (page.path.parent / "linear/pretrain/all/model.pt").is_file()


def test_table_2_of_the_kidney_judges_each_patient_once_by_each_model(kidney_phantoms, kidneys, scratch):
    page = reproduce("radiomics_deep_contrast", "table 2", "kidney", kidney_phantoms, scratch, **kidneys)
    check_table(page)
    rows = json.loads((kidney_phantoms / "datalist.json").read_text())["training"]
    table = page.predictions("models")
    assert (table.groupby("set")["subject"].nunique() == len(rows)).all()
    assert len(table) == table["set"].nunique() * len(rows)
    summary = json.loads((page.path.parent / "models/report/metrics.json").read_text())
    notes = " ".join(summary["notes"])
    assert len(summary["classes"]) == 4
    assert "One table is used for all folds" in notes and "transductive**" not in notes


def test_the_table_of_frozen_layers_has_every_number_of_them(thyroid_phantoms, options, scratch):
    page = reproduce("radiomics_deep_contrast", "table frozen", "thyroid", thyroid_phantoms, scratch, **options)
    check_table(page)


def test_figure_2_has_a_curve_of_each_model_over_the_labels(thyroid_phantoms, options, scratch):
    options |= {"fractions": [0.5, 1.0], "seeds": [0]}
    page = reproduce("radiomics_deep_contrast", "figure 2", "thyroid", thyroid_phantoms, scratch, **options)
    check_links(page)
    found = page.predictions("curve").groupby("set")["fraction"].unique()
    assert len(found) == 4 and all(sorted(fractions) == [0.5, 1.0] for fractions in found)
