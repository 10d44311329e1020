"""Tables and figures of the paper end with the page that a reader opens, on phantoms and after one epoch.

Table 3 has rows of Tables 2 and 4.
"""

from __future__ import annotations

import itertools
import json

import pandas as pd
import pytest

from tests.bundles.damage import with_whole_paths
from tests.bundles.exhibits import check_links, check_table, reproduce

pytestmark = pytest.mark.slow


@pytest.fixture
def options(cache_dir):
    """Images of 32x32 pixels, two folds, and one encoder for both."""
    return {
        "image_size": [32, 32],
        "cache_dir": str(cache_dir),
        "seeds": [0],
        "folds": 2,
        "transductive": True,
        "batch_size": 8,
    }


def test_table_1_has_every_pretraining_with_and_without_mda_in_each_modality(liver_phantoms, options, scratch):
    page = reproduce("liver_cgc", "table 1", "liver", liver_phantoms, scratch, probe={"num_workers": 1}, **options)
    check_table(page)
    assert len(set(page.predictions("linear")["set"])) == 6 * 3


def test_table_2_is_fine_tuned_from_encoders_of_one_modality_and_of_all(liver_phantoms, options, scratch):
    page = reproduce("liver_cgc", "table 2", "liver", liver_phantoms, scratch, **options)
    check_table(page, left_out=["ImageNet, Out", "ImageNet, T2", "ImageNet, T1"])  # there is no file of their weights


def test_table_4_has_performance_and_complexity_of_each_fusion(liver_phantoms, options, scratch):
    page = reproduce("liver_cgc", "table 4", "liver", liver_phantoms, scratch, **options)
    check_table(page)
    costs = page.table.set_index("Method")[["Parameters, M", "Multiply-adds, M"]].drop("*Majority class*").astype(float)
    assert (costs.loc["MCL + CGC"] < costs.loc["MCL + dense"]).all()


def test_figure_4_has_maps_of_three_models_for_patients_that_none_has_seen(liver_phantoms, options, scratch, tmp_path):
    content = with_whole_paths(liver_phantoms)
    content["training"] = content["training"][8:16]  # four of each stage, as a patient's maps take a second to draw
    for place, row in enumerate(content["training"]):
        row["fold"] = place % 4 // 2  # two of each stage
    (tmp_path / "datalist.json").write_text(json.dumps(content))
    options |= {"pretrain": {"batch_size": 4}, "train": {"batch_size": 4}}
    del options["batch_size"], options["folds"]
    page = reproduce("liver_cgc", "figure 4", "liver", tmp_path, scratch, **options)
    check_links(page)
    held_out = {row["subject"] for row in content["training"] if row["fold"] == 0}
    found = pd.read_csv(page.path.parent / "maps/heat_maps/explanations.csv")
    assert set(found["subject"]) == held_out and page.text.count("![") == len(held_out)
    models = ["Pre-trained MCL", "Fine-tuned MCL", "Fine-tuned MCL with CGC"]
    shown = list(itertools.product(models, ["T1", "T2", "OUT"]))
    for _, part in found.groupby("subject"):
        assert sorted(zip(part["model"], part["modality"], strict=True)) == sorted(shown)
    assert found["energy_inside"].between(0, 1).all() and "small budget" in page.text
    assert {path.parent.name for path in page.path.parent.glob("maps/labels100/**/model.pt")} == {"fold0"}  # alone
