"""Bad input ends a run with one clear line, an exit code other than 0 and nothing half-written."""

from __future__ import annotations

import json

import numpy as np
import pytest

from tests.bundles.commands import run_bundle
from tests.bundles.damage import voxels, with_whole_paths
from tests.bundles.shared.bad_input import BadFiles, SharedBadInput


class TestBadInput(SharedBadInput, BadFiles):
    bad_options = {
        "modalities in another order": (
            {"modalities": ["T2", "T1", "OUT"]},
            r"modality: found T1, T2, OUT, expected T2",
        ),
        "no such modality": ({"modality": "T9", "pairs": "same"}, r"T9"),
        "one modality with MDA": ({"modality": "T1"}, r"modality is 0 with pairs 'different'"),
        "unknown pairs": ({"pairs": "mixed"}, r"pairs is 'mixed'"),
        "batch larger than the cohort": ({"batch_size": 16}, r"batch_size: 16 .*cohort of 15"),
        "another number of means": ({"mean": [0.1, 0.2]}, r"mean is \[0.1, 0.2\]"),
        "unknown network": ({"model_name": "efficientnet-b99"}, r"no network 'efficientnet-b99'"),
        "mask label absent": ({"mask_label": 7}, r"1 problem$"),  # of all 20 rows
        "no such weights": ({"pretrained_weights": "nowhere.pth"}, r"nowhere.pth: no such checkpoint"),
        "neither refuse nor zeros": ({"missing": "ones"}, r"missing is 'ones'"),
    }
    bad_files = {
        "another size": ("image", voxels(lambda image: image[:-3]), r"shape|size|grid"),
        "NaN": ("image", voxels(lambda image: np.full_like(image, np.nan)), r"NaN|finite"),
        "constant": ("image", voxels(np.ones_like), r"one value everywhere"),
    }
    other_architectures = [
        ("extract_features.yaml", {"checkpoint": "classifier"}),
        ("evaluate.yaml", {"checkpoint": "pretrained"}),
        ("explain.yaml", {"checkpoint": "pretrained"}),
        ("train.yaml", {"pretrained_encoder": "pretrained", "model_name": "efficientnet-b1"}),
        ("pretrain.yaml", {"pretrained_weights": "classifier"}),
    ]


def test_a_volume_that_nothing_says_the_slice_of_is_reported(error_lines, configs, tiny, liver_volumes, tmp_path):
    content = with_whole_paths(liver_volumes)
    for row in content["training"]:
        del row["mask"]
    path = tmp_path / "unmasked.json"
    path.write_text(json.dumps(content))
    lines = error_lines(configs / "pretrain.yaml", **tiny | {"datalist": path, "batch_size": 2})
    assert len(lines) == 1 and "nothing that names one" in lines[0]


@pytest.mark.slow
def test_the_command_line_reports_a_missing_modality_and_fails(without_t2, configs, tiny, tmp_path):
    overrides = tiny | {"datalist": without_t2, "output_dir": tmp_path / "output", "quiet": False}
    result = run_bundle("training", [configs / "pretrain.yaml"], **overrides)
    assert result.returncode == 1
    errors = result.stderr[result.stderr.index("error: ") :].splitlines()
    assert len(errors) == 2 and "T2" in errors[1] and "Traceback" not in result.stderr + result.stdout
    assert not (tmp_path / "output").exists()
