"""Bad input ends a run with one clear line, an exit code other than 0 and nothing half-written."""

from __future__ import annotations

import json
import re

import nibabel as nib
import numpy as np
import pytest

from tests.bundles.commands import run_bundle

BAD_OPTIONS = {
    "modalities in another order": ({"modalities": ["T2", "T1", "OUT"]}, r"modality: found T1, T2, OUT, expected T2"),
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


@pytest.mark.parametrize("case", BAD_OPTIONS)
def test_a_bad_option_is_reported_in_one_line(case, error_lines, configs, tiny):
    options, expected = BAD_OPTIONS[case]
    first, *others = error_lines(configs / "pretrain.yaml", **tiny | {"batch_size": 4} | options)
    assert re.search(expected, first), first
    assert len(others) == (1 if "1 problem" in first else 0)


def damaged(tiny, tmp_path, change) -> str:
    """A datalist of the phantoms whose fourth subject's T2 is changed."""
    folder = tiny["dataset_dir"]
    content = json.loads((folder / "datalist.json").read_text())
    for row in content["training"]:
        row["image"] = [str(folder / name) for name in row["image"]]
        row["mask"] = str(folder / row["mask"])
    image = nib.load(content["training"][3]["image"][1])
    path = tmp_path / "t2.nii.gz"
    nib.save(nib.Nifti1Image(change(image.get_fdata().astype(np.float32)), image.affine), path)
    content["training"][3]["image"][1] = str(path)
    datalist = tmp_path / "datalist.json"
    datalist.write_text(json.dumps(content))
    return datalist


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (lambda image: image[:-3], r"t2.nii.gz.*(shape|size|grid)"),
        (lambda image: np.full_like(image, np.nan), r"t2.nii.gz.*(NaN|finite)"),
        (lambda image: np.ones_like(image), r"t2.nii.gz.*one value everywhere"),
    ],
    ids=["another size", "NaN", "constant"],
)
def test_a_bad_file_is_reported_with_row_and_file(change, expected, error_lines, configs, tiny, tmp_path):
    datalist = damaged(tiny, tmp_path, change)
    count, *lines = error_lines(configs / "pretrain.yaml", **tiny | {"datalist": datalist, "batch_size": 4})
    assert count.startswith(f"error: {datalist}: ") and lines
    assert all("training[3]" in line for line in lines) and re.search(expected, " ".join(lines)), lines


def test_a_volume_that_nothing_says_the_slice_of_is_reported(error_lines, configs, tiny, liver_volumes, tmp_path):
    content = json.loads((liver_volumes / "datalist.json").read_text())
    for row in content["training"]:
        row["image"] = [str(liver_volumes / name) for name in row["image"]]
        del row["mask"]
    path = tmp_path / "unmasked.json"
    path.write_text(json.dumps(content))
    lines = error_lines(configs / "pretrain.yaml", **tiny | {"datalist": path, "batch_size": 2})
    assert len(lines) == 1 and "nothing that names one" in lines[0]


@pytest.mark.parametrize(
    ("config", "options"),
    [
        ("extract_features.yaml", {"checkpoint": "classifier"}),
        ("evaluate.yaml", {"checkpoint": "pretrained"}),
        ("explain.yaml", {"checkpoint": "pretrained"}),
        ("train.yaml", {"pretrained_encoder": "pretrained", "model_name": "efficientnet-b1", "batch_size": 4}),
        ("pretrain.yaml", {"pretrained_weights": "classifier", "batch_size": 4}),
    ],
)
def test_a_checkpoint_of_another_architecture_is_reported_in_one_line(
    config, options, error_lines, configs, tiny, pretrained, classifier
):
    files = {"pretrained": pretrained, "classifier": classifier}
    options = {key: files.get(value, value) if isinstance(value, str) else value for key, value in options.items()}
    (line,) = error_lines(configs / config, **tiny | options)
    assert "another architecture" in line and ".pt" in line


@pytest.mark.slow
def test_the_command_line_reports_a_missing_modality_and_fails(without_t2, configs, tiny, tmp_path):
    overrides = tiny | {"datalist": without_t2, "output_dir": tmp_path / "output", "quiet": False}
    result = run_bundle("training", [configs / "pretrain.yaml"], **overrides)
    assert result.returncode == 1
    errors = result.stderr[result.stderr.index("error: ") :].splitlines()
    assert len(errors) == 2 and "T2" in errors[1] and "Traceback" not in result.stderr + result.stdout
    assert not (tmp_path / "output").exists()
