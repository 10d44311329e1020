from __future__ import annotations

import json
import runpy
import sys

import pytest
import torch
from monai.bundle import ConfigParser

from common.data.phantoms import LiverPhantoms
from common.errors import InputError


@pytest.fixture
def run(project, tmp_path, monkeypatch):
    """Run the script on eight phantoms, and return the options at the end of its output."""
    LiverPhantoms(num_subjects=8, sizes=(40, 48), num_folds=2).make(tmp_path / "liver", num_workers=1)
    script = str(project / "scripts" / "modality_statistics.py")
    cohort = ["--dataset_dir", "liver", "--cache_dir", "cache", "--image_size", "[32,32]"]

    def call(*arguments: str, bundle: str = "liver_cgc") -> None:
        monkeypatch.chdir(tmp_path)
        monkeypatch.setattr(sys, "argv", [script, bundle, *cohort, *arguments])
        runpy.run_path(script, run_name="__main__")

    return call


def options(line: str) -> dict[str, list[float]]:
    """``--mean "[...]" --std "[...]"`` as parsed by a command."""
    words = line.replace('"', "").replace(", ", ",").split()
    return {words[0]: json.loads(words[1]), words[2]: json.loads(words[3])}


@pytest.mark.parametrize(("fold", "count"), [("0", 4), ("1", 4), (None, 8)])
def test_what_it_prints_normalises_the_images_that_train(run, project, tmp_path, capsys, fold, count):
    part = ["--transductive", "True"] if fold is None else ["--fold", fold]
    run(*part)
    lines = capsys.readouterr().out.splitlines()
    assert [line.split(":")[0] for line in lines[:3]] == ["T1", "T2", "OUT"]
    assert all(line.endswith(f"({count} images)") for line in lines[:3])
    found = options(lines[3])
    parser = ConfigParser()
    parser.read_config(project / "bundles/liver_cgc/configs/pretrain.yaml")
    parser.update({"dataset_dir": "liver", "cache_dir": "cache", "image_size": [32, 32]})
    parser.update({"transductive": fold is None, "fold": int(fold or 0)})
    images = torch.stack([sample["image"] for sample in parser.get_parsed_content("train#dataset")]).double()
    images = images.transpose(0, 1).flatten(1)
    assert found["--mean"] == pytest.approx(images.mean(1).tolist(), abs=6e-5)
    assert found["--std"] == pytest.approx(images.std(1, correction=0).tolist(), abs=6e-5)


def test_the_foreground_is_brighter_and_json_has_the_same_figures(run, tmp_path, capsys):
    run("--foreground", "false", "--output", "all.json")
    everything = options(capsys.readouterr().out.splitlines()[3])
    run("--foreground", "True", "--output", "foreground.json")
    foreground = options(capsys.readouterr().out.splitlines()[3])
    assert all(one > other for one, other in zip(foreground["--mean"], everything["--mean"], strict=True))
    for name, printed in (("all", everything), ("foreground", foreground)):
        written = json.loads((tmp_path / f"{name}.json").read_text())
        assert [value["mean"] for value in written.values()] == pytest.approx(printed["--mean"], abs=6e-5)
        assert [value["std"] for value in written.values()] == pytest.approx(printed["--std"], abs=6e-5)


@pytest.mark.parametrize(
    ("bundle", "message"),
    [
        ("mlsscl_3d", "mlsscl_3d has no modalities with mean and std"),
        ("liver", "no such bundle; expected one of liver_cgc, mlsscl_3d, radiomics_deep"),
    ],
)
def test_a_bundle_without_mean_and_std_is_refused(run, bundle, message):
    with pytest.raises(InputError, match=message):
        run(bundle=bundle)


def test_a_misspelt_option_is_refused_with_the_nearest(run, capsys):
    with pytest.raises(SystemExit):
        run("--dataset_di", "data")
    assert capsys.readouterr().err.endswith("pretrain.yaml of liver_cgc has this option; did you mean dataset_dir?\n")
