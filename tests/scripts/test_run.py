"""The command of stages, as a user types it."""

from __future__ import annotations

import json
import shutil

import pytest

from tests.bundles.commands import PROJECT, environment
from tests.python_commands import run_python

CONFIGS = "bundles/siam3d_imbalance/configs"


def run(*words: str):
    return run_python(["scripts/run.py", *words], PROJECT, environment())


@pytest.mark.parametrize(
    ("words", "line"),
    [
        (
            ["training", "--config_file", f"{CONFIGS}/pretrain.yaml", "--encodr#channels", "8"],
            "error: encodr#channels: no config has encodr; did you mean encoder?",
        ),
        (
            ["training", "--config_file", f"{CONFIGS}/train.yaml", "--max_epochs#a", "3"],
            "error: max_epochs#a: max_epochs is 50, which has no parts",
        ),
        (
            ["evaluating", "--config_file", f"{CONFIGS}/evaluate.yaml"],
            f"error: {CONFIGS}/evaluate.yaml: sets initialize, which no file before it has; it is an overlay: "
            f"set --config_file \"['{CONFIGS}/train.yaml','{CONFIGS}/evaluate.yaml']\"",
        ),
        (
            ["training", "--config_file", f"['{CONFIGS}/train.yaml']", "--max_epoch", "1"],
            "error: max_epoch: no config has this option; did you mean max_epochs?",
        ),
    ],
)
def test_what_monai_cannot_merge_is_one_line_before_anything_runs(words, line):
    done = run(*words)
    assert done.returncode == 2 and done.stderr.splitlines()[-1] == line
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(("typed", "found"), [("0", "0"), ("gpu", "'gpu'")])
def test_a_device_that_is_none_is_one_line_for_configs_without_code_of_ours_too(typed, found):
    done = run("evaluating", "--config_file", f"{CONFIGS}/inference.json", "--device", typed)
    assert done.returncode == 1
    assert done.stderr == f"error: device: found {found}; expected cpu, or cuda:0 and so on; correct it\n"


@pytest.mark.parametrize(
    ("config", "problem"),
    [
        ("siam3d_imbalance/configs/inference.json", "found PET; expected CT, as the archive takes"),
        ("mlsscl_3d/configs/inference_segmentation.json", "found PET; expected T1, as the archive takes"),
    ],
)
def test_inference_by_an_exported_network_refuses_a_datalist_of_other_modalities(config, problem, tmp_path):
    rows = [{"image": "a.nii.gz", "mask": "b.nii.gz", "subject": "a"}]
    (tmp_path / "list.json").write_text(json.dumps({"modality": {"0": "PET"}, "testing": rows}))
    words = ["--datalist", str(tmp_path / "list.json"), "--output_dir", str(tmp_path / "out")]
    done = run("evaluating", "--config_file", f"bundles/{config}", *words)
    assert done.returncode == 1 and not (tmp_path / "out").exists()
    assert done.stderr.startswith(f"error: {tmp_path}/list.json: modality: {problem}") and done.stderr.count("\n") == 1


@pytest.mark.parametrize(
    ("words", "path", "remedy"),
    [
        (
            ["exporting", "--config_file", f"['{CONFIGS}/train.yaml','{CONFIGS}/evaluate.yaml']"],
            "gone.pt",
            "set --checkpoint to the model.pt that a training wrote",
        ),
        (
            ["evaluating", "--config_file", f"{CONFIGS}/inference.json"],
            "gone.ts",
            "set --checkpoint to the TorchScript that run exporting wrote, and --config_file to the JSON beside it",
        ),
        (
            ["evaluating", "--config_file", "bundles/liver_cgc/configs/inference.json"],
            None,
            "no weights ship with liver_cgc: train it and set --checkpoint to the TorchScript that run exporting "
            "wrote, and --config_file to the JSON beside it",
        ),
    ],
)
def test_weights_that_are_not_there_are_one_line_even_without_a_datalist(words, path, remedy):
    done = run(*words, *(["--checkpoint", path] if path else []))
    path = path or "./models/model.ts"  # of the bundle, from whose folder an archive runs
    line = f"error: checkpoint: {path}: found no such file, expected weights; {remedy}"
    assert done.returncode == 1 and done.stderr.splitlines() == [line]


def test_weights_missing_beside_an_exported_config_are_not_those_of_a_bundle(tmp_path):
    (tmp_path / "final").mkdir()
    shutil.copy(PROJECT / CONFIGS / "inference.json", tmp_path / "final")
    done = run("evaluating", "--config_file", f"{tmp_path}/final/inference.json", "--checkpoint", "gone.ts")
    assert "error: checkpoint: gone.ts: found no such file, expected weights; set --checkpoint to" in done.stderr


@pytest.mark.parametrize("command", [["scripts/run.py"], ["-m", "monai.bundle", "run"]])
def test_an_overlay_of_another_stage_is_refused_by_both_commands(command, tmp_path):
    files = f"['{CONFIGS}/train.yaml','{CONFIGS}/re.yaml']"
    words = ["training", "--config_file", files, "--output_dir", str(tmp_path / "out")]
    done = run_python([*command, *words], PROJECT, environment())
    assert done.returncode == 2 and "Traceback" not in done.stderr
    assert done.stderr.splitlines()[-1].startswith(
        f"error: {CONFIGS}/re.yaml: sets strategy, which train.yaml does not have; it is an overlay: set "
    )
    assert not (tmp_path / "out").exists()


def test_it_runs_what_monais_own_command_runs(tmp_path):
    (tmp_path / "mine.yaml").write_text(
        "text: none\ninitialize: []\nshow: ['$print(\"text:\", @text, @part#a)']\npart: {a: 1}\n"
    )
    words = ["show", "--config_file", str(tmp_path / "mine.yaml"), "--text", "[1, two]", "--part#a", "2.5"]
    ours, theirs = run(*words), run_python(["-m", "monai.bundle", "run", *words], PROJECT, environment())
    assert ours.returncode == theirs.returncode == 0, ours.stderr + theirs.stderr
    assert "text: [1, 'two'] 2.5" in ours.stdout.splitlines() and "text: [1, 'two'] 2.5" in theirs.stdout.splitlines()
