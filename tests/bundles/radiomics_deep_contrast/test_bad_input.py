"""Bad input ends a run with one clear line, an exit code other than 0 and nothing half-written."""

from __future__ import annotations

import json
import re

import numpy as np
import pytest

from common.errors import InputError
from common.evaluation import LabelFractions
from tests.bundles.commands import run_bundle
from tests.bundles.damage import damaged, voxels
from tests.bundles.shared.bad_input import BadFiles, SharedBadInput

LATER_OPTIONS = {
    "no such weights": ({"pretrained_weights": "nowhere.pth"}, r"nowhere.pth: no such checkpoint"),
    "unknown network": ({"depth": 19}, r"no ResNet-19"),
    "batch larger than the cohort": ({"batch_size": 16}, r"batch_size: 16 .*cohort of 15"),
}


class TestBadInput(SharedBadInput, BadFiles):
    bad_options = {
        "temperature of 0": ({"temperature": 0}, r"temperature: found 0"),
        "no such settings": ({"radiomics_settings": "nowhere.yaml"}, r"nowhere.yaml.*parameter file"),
        "mask label absent": ({"mask_label": 7}, r"1 problem$"),  # of all 20 rows
        "no such fold": ({"fold": 9}, r"fold: found 9, expected one of \[0, 1, 2, 3\]"),
        "volumes expected": ({"lesion_slices": 10, "in_channels": 10}, r"1 problem$"),  # of all 20 rows
        "momentum of 1": ({"bank_momentum": 1.0}, r"bank_momentum: found 1.0; expected a number from 0 to below 1"),
        "no negatives": ({"negatives": 0}, r"negatives: found 0; expected whole numbers from 1"),
    }
    bad_files = {
        "empty mask": ("mask", voxels(np.zeros_like), r"0 everywhere"),
        "another size": ("mask", voxels(lambda mask: mask[:-3]), r"shape|size|grid"),
        "constant": ("image", voxels(lambda image: np.full_like(image, 9)), r"one value everywhere"),
    }
    other_architectures = [
        ("extract_features.yaml", {"checkpoint": "classifier"}),
        ("evaluate.yaml", {"checkpoint": "pretrained"}),
        ("infer_hybrid.yaml", {"checkpoint": "pretrained"}),
        ("train.yaml", {"pretrained_encoder": "pretrained", "hidden_features": [8, 8]}),
    ]
    left_over = ("scaling.json",)


@pytest.mark.parametrize("case", LATER_OPTIONS)
def test_an_option_that_needs_the_cohort_is_reported_before_training(case, run_config, configs, tiny, tmp_path):
    options, expected = LATER_OPTIONS[case]
    with pytest.raises(RuntimeError) as caught:  # MONAI wraps the InputError
        run_config(configs / "pretrain.yaml", output_dir=tmp_path, **tiny | {"batch_size": 4} | options)
    assert re.search(expected, str(caught.value.__cause__ or caught.value))
    assert [path.name for path in tmp_path.iterdir()] == ["scaling.json"]  # whole, and good for the next try


def test_a_network_that_cannot_take_the_weights_of_its_pre_training_is_refused_before_that(tiny, tmp_path):
    options = {**tiny, "output_dir": tmp_path, "batch_size": 4, "fractions": [1.0], "seeds": [0]}
    fits = ["pretrain+hybrid", "simclr+image_only"]
    LabelFractions("radiomics_deep_contrast", methods=fits, **options).check()
    expected = r"Radiomics-deep \+ ResNet: cannot start from its pre-training: weights of another architecture"
    with pytest.raises(InputError, match=expected):
        LabelFractions("radiomics_deep_contrast", methods=["pretrain+image_only"], **options).run()
    assert not [*tmp_path.rglob("*.pt")]


def test_a_lesion_too_small_to_measure_is_reported_by_its_subject(error_lines, configs, tiny, tmp_path):
    def shrink(mask):
        few = np.zeros_like(mask)
        few[20:22, 20:22] = 255
        return few

    datalist, _ = damaged(tiny["dataset_dir"], tmp_path, "mask", voxels(shrink))
    subject = json.loads(datalist.read_text())["training"][3]["subject"]
    lines = error_lines(
        configs / "pretrain.yaml", **tiny | {"datalist": datalist, "batch_size": 4, "transductive": "true"}
    )
    assert any(f"subject {subject}" in line for line in lines), lines


def test_weights_without_their_scaling_are_reported(error_lines, configs, tiny, classifier, tmp_path):
    lonely = tmp_path / "model.pt"
    lonely.write_bytes(classifier.read_bytes())
    (line,) = error_lines(configs / "evaluate.yaml", workflow_type="infer", **tiny | {"checkpoint": lonely})
    assert "scaling.json" in line


@pytest.mark.slow
def test_the_command_line_reports_an_empty_mask_and_fails(configs, tiny, tmp_path):
    datalist, _ = damaged(tiny["dataset_dir"], tmp_path, "mask", voxels(np.zeros_like))
    overrides = tiny | {"datalist": datalist, "output_dir": tmp_path / "output", "quiet": False}
    result = run_bundle("training", [configs / "pretrain.yaml"], **overrides)
    assert result.returncode == 1
    errors = result.stderr[result.stderr.index("error: ") :].splitlines()
    assert len(errors) == 2 and "training[3]" in errors[1] and "Traceback" not in result.stderr + result.stdout
    assert not (tmp_path / "output").exists()
