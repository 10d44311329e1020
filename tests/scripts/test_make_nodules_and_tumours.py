"""The phantoms and readers of cohorts of nodules and tumours, from the command line."""

from __future__ import annotations

import json
import runpy
import sys
from collections import Counter

import pytest

from common.data import load_datalist
from common.errors import InputError


@pytest.fixture
def run(project, monkeypatch, tmp_path):
    def call(script: str, *arguments: str) -> None:
        path = str(project / "scripts" / f"{script}.py")
        monkeypatch.chdir(tmp_path)
        monkeypatch.setattr(sys, "argv", [path, *arguments])
        runpy.run_path(path, run_name="__main__")

    return call


def test_thyroid_phantoms_are_read_as_tn_scui(run, tmp_path, capsys):
    options = ["--num_subjects", "12", "--sizes", "64,80", "--num_folds", "2", "--separation", "2"]
    run("make_phantom", "thyroid", "out", *options)
    run("make_datalist", "tn_scui", "out", "list.json", "--num_folds", "3")
    assert capsys.readouterr().out == "datalist: out/datalist.json\ndatalist: list.json\n"
    rows = load_datalist(tmp_path / "list.json", spatial_dims=2, mask="required", label="required")
    assert Counter(row["label"] for row in rows) == {0: 6, 1: 6} and {row["fold"] for row in rows} == {0, 1, 2}


def test_kidney_phantoms_are_read_as_kits19(run, tmp_path, capsys):
    options = ["--num_subjects", "25", "--sizes", "32,32", "--thickness", "8,8", "--num_folds", "2"]
    run("make_phantom", "kidney", "out", *options, "--clear_cell", "3")
    run("make_datalist", "kits", "out", "list.json", "--num_folds", "2", "--clear_cell", "None")
    assert capsys.readouterr().out == "datalist: out/datalist.json\ndatalist: list.json\n"
    small, whole = (load_datalist(path, check="none") for path in (tmp_path / "out/datalist.json", "list.json"))
    assert Counter(row["label"] for row in small)[0] == 3 < Counter(row["label"] for row in whole)[0] == 12
    for name, rows in (("out/datalist_pretraining.json", small), ("list_pretraining.json", whole)):
        assert len(json.loads((tmp_path / name).read_text())["training"]) + len(rows) == 25


def test_busi_takes_classes_in_the_order_of_their_label(run, shared_data, tmp_path):
    run("make_datalist", "busi", str(shared_data / "busi_256"), "busi.json", "--classes", "malignant,benign")
    content = json.loads((tmp_path / "busi.json").read_text())
    assert content["labels"] == {"0": "malignant", "1": "benign"}
    assert Counter(row["label"] for row in content["training"]) == {0: 137, 1: 281}


def test_a_folder_that_is_not_the_cohort_is_reported(run, tmp_path):
    (tmp_path / "empty").mkdir()
    for cohort, table in (("tn_scui", "train.csv"), ("kits", "kits.json"), ("busi", "labels.csv")):
        with pytest.raises(InputError, match=f"{table}: .*expected"):
            run("make_datalist", cohort, "empty", "list.json")
