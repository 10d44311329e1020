"""Bad input ends a run with one clear line, an exit code other than 0 and nothing half-written."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from common.errors import InputError
from tests.bundles.damage import voxels, with_nan, with_whole_paths
from tests.bundles.shared.bad_input import SharedBadInput


class TestBadInput(SharedBadInput):
    bad_options = {
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
    bad_options_with = {"cache": "none"}
    other_architectures = [
        ("train.yaml", {"pretrained_encoder": "pretrained", "channels": [4, 8, 8, 8], "validation_fraction": 0}),
        ("extract_features.yaml", {"checkpoint": "pretrained", "channels": [4, 8, 8, 8]}),
        ("evaluate.yaml", {"checkpoint": "pretrained", "channels": [4, 8, 8, 8]}),
        ("train_segmentation.yaml", {"pretrained_encoder": "pretrained", "validation_fraction": 0}),
    ]
    other_architecture_is = r"another architecture|trained with \[4, 4, 8, 8\]"


def changed(folder, tmp_path, change) -> Path:
    """A datalist of the phantoms in which the fourth row is changed."""
    content = with_whole_paths(folder)
    change(content["training"][3], tmp_path)
    path = tmp_path / "datalist.json"
    path.write_text(json.dumps(content))
    return path


def nan_image(row, tmp_path) -> None:
    copy = tmp_path / "nan.nii.gz"
    copy.write_bytes(Path(row["image"]).read_bytes())
    voxels(with_nan)(copy)
    row["image"] = str(copy)


@pytest.mark.parametrize(
    ("config", "change", "expected"),
    [
        ("pretrain.yaml", nan_image, r"training\[3\].*nan.nii.gz.*(NaN|finite)"),
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
    datalist = changed(tiny["dataset_dir"], tmp_path, change)
    count, line, *_ = error_lines(configs / config, **options | {"datalist": datalist, "in_channels": 1})
    assert re.match(rf"error: {datalist}: \d+ problem", count)
    assert re.search(expected, line), line


def test_a_row_without_label_is_left_out_of_a_training_with_labels(open_bundle, configs, tiny, tmp_path):
    rows = []
    for change in (lambda row, _: None, lambda row, _: row.pop("label")):
        datalist = changed(tiny["dataset_dir"], tmp_path, change)
        options = tiny | {"datalist": datalist, "all_subjects": True, "output_dir": tmp_path / "output"}
        workflow = open_bundle(configs / "train.yaml", **options)
        rows.append([row["image"] for row in workflow.parser.get_parsed_content("rows")])
    fourth = json.loads(datalist.read_text())["training"][3]["image"]
    assert rows[1] == [image for image in rows[0] if image != fourth] and fourth in rows[0]


def test_a_row_without_age_is_reported_where_ages_weigh(run_config, configs, clips, tmp_path):
    datalist = changed(clips["dataset_dir"], tmp_path, lambda row, _: row.pop("age"))
    with pytest.raises(RuntimeError) as caught:
        files = [configs / "pretrain.yaml", configs / "age_aware.yaml"]
        run_config(*files, output_dir=tmp_path / "output", **clips | {"datalist": datalist})
    error = caught.value
    while error is not None and not isinstance(error, InputError):
        error = error.__cause__
    assert error is not None and "age" in str(error)
