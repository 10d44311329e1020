"""Bad input ends a run with one clear line, an exit code other than 0 and nothing half-written."""

from __future__ import annotations

import json
import re

import nibabel as nib
import numpy as np
import pytest

from common.errors import InputError

BAD_OPTIONS = {
    "axes too short": ({"long_stride": 8}, r"axial: axis 2 \(feet to head\) has 32 slices, expected at least 57"),
    "short stride not below the long one": ({"short_stride": 4}, r"short_stride is 4 and long_stride 4"),
    "no slices": ({"num_slices": 0}, r"num_slices: found 0"),
    "no weight": ({"alpha": 0.0, "beta": 0.0}, r"alpha, beta: 0.0, 0.0"),
    "temperature 0": ({"temperature": 0.0}, r"temperature: found 0.0"),
    "momentum above 1": ({"momentum": 1.5}, r"momentum: found 1.5"),
    "unknown cache": ({"cache": "ram"}, r"cache: found 'ram'"),
    "unknown backbone": ({"backbone__depth": 19}, r"depth: 19"),
    "batch larger than the cohort": ({"batch_size": 99}, r"batch_size: 99 for a cohort of"),
    "no such fold": ({"fold": 9}, r"fold: found 9"),
    "neither true nor false": ({"mask_same_subject": "maybe"}, r"mask_same_subject: found 'maybe'"),
    "no datalist": ({"datalist": "nowhere.json"}, r"nowhere.json: found no such file"),
}


@pytest.mark.parametrize("case", BAD_OPTIONS)
def test_a_bad_option_is_reported_in_one_line(case, error_lines, configs, clips):
    options, expected = BAD_OPTIONS[case]
    (line,) = error_lines(configs / "pretrain.yaml", **clips | {"cache": "none"} | options)
    assert re.search(expected, line), line


def damaged(folder, tmp_path, change) -> str:
    """A datalist of the phantoms in which the fourth row is changed."""
    content = json.loads((folder / "datalist.json").read_text())
    for row in content["training"]:
        row["image"] = str(folder / row["image"])
    change(content["training"][3], tmp_path)
    path = tmp_path / "datalist.json"
    path.write_text(json.dumps(content))
    return path


def with_nan(row, tmp_path) -> None:
    image = nib.load(row["image"])
    voxels = image.get_fdata().astype(np.float32)
    voxels[5, 5, 5] = np.nan
    row["image"] = str(tmp_path / "nan.nii.gz")
    nib.save(nib.Nifti1Image(voxels, image.affine), row["image"])


@pytest.mark.parametrize(
    ("config", "change", "expected"),
    [
        ("pretrain.yaml", with_nan, r"training\[3\].*nan.nii.gz.*(NaN|finite)"),
        ("pretrain.yaml", lambda row, _: row.update(image="nowhere.nii.gz"), r"training\[3\].*no such file"),
        ("train.yaml", lambda row, _: row.update(label=7), r"training\[3\].*label.*7"),
        ("train_segmentation.yaml", lambda row, _: row.update(fold=1), r"training\[0\].*label map"),
    ],
    ids=["NaN", "no file", "unknown class", "classes for maps"],
)
def test_a_bad_row_is_reported_with_its_place(
    config, change, expected, error_lines, configs, tiny, clips, patches, tmp_path
):
    options = {"pretrain.yaml": clips, "train.yaml": tiny, "train_segmentation.yaml": patches}[config]
    datalist = damaged(tiny["dataset_dir"], tmp_path, change)
    count, line, *_ = error_lines(configs / config, **options | {"datalist": datalist, "in_channels": 1})
    assert re.match(rf"error: {datalist}: \d+ problem", count)
    assert re.search(expected, line), line


def test_a_row_without_label_is_left_out_of_a_training_with_labels(open_bundle, configs, tiny, tmp_path):
    rows = []
    for change in (lambda row, _: None, lambda row, _: row.pop("label")):
        datalist = damaged(tiny["dataset_dir"], tmp_path, change)
        options = tiny | {"datalist": datalist, "all_subjects": True, "output_dir": tmp_path / "output"}
        workflow = open_bundle(configs / "train.yaml", **options)
        rows.append([row["image"] for row in workflow.parser.get_parsed_content("rows")])
    fourth = json.loads(datalist.read_text())["training"][3]["image"]
    assert rows[1] == [image for image in rows[0] if image != fourth] and fourth in rows[0]


def test_a_row_without_age_is_reported_where_ages_weigh(run_config, configs, clips, tmp_path):
    datalist = damaged(clips["dataset_dir"], tmp_path, lambda row, _: row.pop("age"))
    with pytest.raises(RuntimeError) as caught:
        files = [configs / "pretrain.yaml", configs / "age_aware.yaml"]
        run_config(*files, output_dir=tmp_path / "output", **clips | {"datalist": datalist})
    error = caught.value
    while error is not None and not isinstance(error, InputError):
        error = error.__cause__
    assert error is not None and "age" in str(error)


@pytest.mark.parametrize(
    ("config", "key"),
    [
        ("train.yaml", "pretrained_encoder"),
        ("extract_features.yaml", "checkpoint"),
        ("evaluate.yaml", "checkpoint"),
        ("train_segmentation.yaml", "pretrained_encoder"),
    ],
)
def test_a_checkpoint_of_another_architecture_is_reported_in_one_line(
    config, key, error_lines, configs, tiny, patches, pretrained
):
    options = patches if "segmentation" in config else tiny | {"channels": [4, 8, 8, 8]}
    options = options | ({"validation_fraction": 0} if config.startswith("train") else {})
    (line,) = error_lines(configs / config, **options | {key: pretrained})
    assert ("another architecture" in line or "trained with [4, 4, 8, 8]" in line) and str(pretrained) in line


def test_another_run_in_the_output_folder_is_reported_and_kept(run_config, error_lines, configs, clips, tmp_path):
    options = clips | {"max_epochs": 1}
    run_config(configs / "pretrain.yaml", output_dir=tmp_path / "output", **options)
    (line,) = error_lines(configs / "pretrain.yaml", **options | {"beta": 2.0})
    assert "beta 1.0 (now 2.0)" in line and "resume" in line
