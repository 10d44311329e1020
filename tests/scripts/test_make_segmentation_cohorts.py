"""The command lines that make and list cohorts of volumes: dementia, lesions; BIDS, ISBI, OASIS, MedMNIST."""

from __future__ import annotations

import runpy
import sys

import numpy as np
import pytest

from common.data import load_datalist


@pytest.fixture
def run(project, monkeypatch, tmp_path):
    def call(script: str, *arguments: str) -> None:
        path = str(project / "scripts" / script)
        monkeypatch.chdir(tmp_path)
        monkeypatch.setattr(sys, "argv", [path, *arguments])
        runpy.run_path(path, run_name="__main__")

    return call


def test_dementia_phantoms_are_a_bids_folder_that_the_other_command_lists(run, tmp_path, capsys):
    size = ["--num_subjects", "6", "--shape", "16,16,16", "--num_folds", "2"]
    run("make_phantom.py", "dementia", "out", "--visits", "2", *size)
    assert capsys.readouterr().out == "datalist: out/datalist.json\n"
    options = ["--label", "diagnosis", "--class_names", "CN,AD", "--columns", "sex,site", "--num_folds", "2"]
    run("make_datalist.py", "bids", "out", "--output", "list.json", *options)
    assert load_datalist("list.json", check="none") == load_datalist("out/datalist.json", check="none")
    run("make_datalist.py", "bids", "out", "first.json", "--sessions", "01", "--num_folds", "2")
    assert len(load_datalist("first.json", check="none")) == 6


def test_lesion_phantoms_have_label_maps(run):
    run("make_phantom.py", "lesions", "out", "--num_subjects", "2", "--shape", "16,16,16", "--num_folds", "2")
    assert len(load_datalist("out/datalist.json", label="mask", num_images=3)) == 2
    options = ["--num_subjects", "2", "--shape", "16,16,16", "--num_folds", "2"]
    run("make_phantom.py", "lesions", "one", "--modalities", "FLAIR", *options)
    assert isinstance(load_datalist("one/datalist.json", label="mask")[0]["image"], list)


def test_an_archive_becomes_files_and_a_datalist(run, tmp_path):
    images, labels = np.random.default_rng(0).integers(0, 255, (6, 4, 5, 6)).astype(np.uint8), np.arange(6) % 2
    parts = {"train_images": images, "train_labels": labels, "val_images": images[:2], "val_labels": labels[:2]}
    np.savez(tmp_path / "a.npz", **parts)
    run("make_datalist.py", "npz", "a.npz", "out", "--class_names", "normal,ill", "--num_folds", "2")
    assert len(load_datalist("out/datalist.json", label="required")) == 6


def test_real_scans_and_rescans_are_listed(run, shared_data):
    run("make_datalist.py", "oasis", str(shared_data / "oasis_t1_2mm"), "list.json")
    assert len(load_datalist("list.json", check="none")) == 22


@pytest.mark.parametrize("command", ["isbi", "adni"])
def test_help_describes_the_options(run, capsys, command):
    run("make_datalist.py", command, "--help")
    assert "--incomplete" in capsys.readouterr().out
