"""Bad input ends a run with one clear line, an exit code other than 0 and nothing half-written."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from tests.bundles.commands import run_bundle
from tests.bundles.damage import damaged, truncate, voxels, with_nan, with_whole_paths
from tests.bundles.shared.bad_input import BadFiles, SharedBadInput

BAD_FILES = {
    "empty mask": ("mask", voxels(np.zeros_like), r"mask: .*(empty|no voxel|0)"),
    "constant image": ("image", voxels(np.ones_like), r"image.*one value everywhere"),
    "NaN image": ("image", voxels(with_nan), r"image.*(NaN|not finite|finite)"),
    "2D image": ("image", voxels(lambda image: image[:, :, 16]), r"image.*(2D|2 dimensions|two dimensions|32x32)"),
    "truncated image": ("image", truncate, r"image.*(unreadable|truncated|cut|whole|end)"),
    "truncated mask": ("mask", truncate, r"mask.*(unreadable|truncated|cut|whole|end)"),
    "missing image": ("image", Path.unlink, r"image.*no such file"),
    "mask of another size": ("mask", voxels(lambda mask: mask[:-2]), r"mask.*(30|shape|size)"),
}


class TestBadInput(SharedBadInput, BadFiles):
    bad_options = {
        "fewer samples than k": ({"num_clusters": 16, "batch_size": 15, "strategy": "re"}, r"15 .*num_clusters 16"),
        "fewer samples than N": (
            {"num_clusters": 16, "batch_size": 2, "strategy": "se"},
            r"num_candidates: 15 .*num_clusters 16",
        ),
        "m odd": ({"batch_size": 3, "strategy": "se"}, r"batch_size: 3.*even"),
        "m not below N": ({"batch_size": 12, "strategy": "se"}, r"batch_size: m = 12 .*N = 12"),
        "batch larger than the cohort": ({"batch_size": 16, "strategy": "plain"}, r"batch_size: 16 .*cohort of 15"),
        "unknown strategy": ({"strategy": "smote"}, r"strategy: 'smote'"),
        "unknown features": ({"features": "frozen"}, r"features: 'frozen'"),
        "bank without warm-up": ({"features": "bank", "warmup_epochs": 0}, r"warmup_epochs"),
        "no such fold": ({"fold": 9}, r"fold: found 9"),
        "neither true nor false": ({"amp": "maybe"}, r"amp: found 'maybe'"),
        "no datalist": ({"datalist": "nowhere.json"}, r"nowhere.json: found no such file"),
        "wrong number of modalities": ({"in_channels": 3}, r": 1 problem$"),
        "mask label absent": ({"mask_label": 7}, r"1 problem$"),  # of all 20 rows
    }
    other_architectures = [
        ("extract_features.yaml", {"checkpoint": "pretrained", "channels": [4, 4, 4, 8]}),
        ("extract_features.yaml", {"checkpoint": "classifier", "in_channels": 4, "channels": [8, 4, 4, 4]}),
        ("evaluate.yaml", {"checkpoint": "pretrained"}),
        ("train.yaml", {"pretrained_encoder": "pretrained", "channels": [4, 8, 4, 4]}),
    ]
    other_architecture_is = r"another architecture|trained with \[4, 4, 4, 4\]"
    bad_files = BAD_FILES


@pytest.mark.parametrize("config", ["extract_features.yaml", "evaluate.yaml", "train.yaml"])
@pytest.mark.parametrize("content", [None, b"", b"PK not a checkpoint"])
def test_an_unreadable_checkpoint_is_reported_in_one_line(config, content, error_lines, configs, tiny, tmp_path):
    path = tmp_path / "model.pt"
    if content is not None:
        path.write_bytes(content)
    key = "pretrained_encoder" if config == "train.yaml" else "checkpoint"
    (line,) = error_lines(configs / config, **tiny | {key: path})
    assert str(path) in line


def test_a_run_whose_datalist_has_changed_is_another_run(run_config, error_lines, configs, tiny, tmp_path):
    content = with_whole_paths(tiny["dataset_dir"])
    path = tmp_path / "datalist.json"
    path.write_text(json.dumps(content))
    options = tiny | {"batch_size": 4, "max_epochs": 1, "strategy": "plain", "datalist": path}
    run_config(configs / "pretrain.yaml", output_dir=tmp_path / "output", **options)
    content["training"][0]["label"] = 1 - content["training"][0]["label"]
    path.write_text(json.dumps(content))
    (line,) = error_lines(configs / "pretrain.yaml", **options)
    assert "from another run: datalist (content) " in line and "resume" in line


@pytest.mark.slow
@pytest.mark.parametrize("case", ["empty mask", "truncated image"])
def test_the_command_line_reports_a_bad_file_and_fails(case, configs, tiny, tmp_path):
    key, damage, _ = BAD_FILES[case]
    datalist, _ = damaged(tiny["dataset_dir"], tmp_path, key, damage)
    overrides = tiny | {"datalist": datalist, "output_dir": tmp_path / "output", "quiet": False}
    result = run_bundle("training", [configs / "pretrain.yaml"], **overrides)
    assert result.returncode == 1
    errors = result.stderr[result.stderr.index("error: ") :].splitlines()
    assert len(errors) == 2 and "Traceback" not in result.stderr + result.stdout
    assert not (tmp_path / "output").exists()


@pytest.mark.slow
def test_the_command_line_reports_a_bad_option_and_fails(configs, tiny, tmp_path):
    overrides = tiny | {"batch_size": 3, "output_dir": tmp_path / "output", "quiet": False}
    result = run_bundle("training", [configs / "pretrain.yaml"], **overrides)
    assert result.returncode == 1
    assert result.stderr.splitlines()[-1].startswith("error: batch_size: 3")
    assert "Traceback" not in result.stderr + result.stdout
    assert not (tmp_path / "output").exists()
