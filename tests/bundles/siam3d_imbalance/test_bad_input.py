"""Bad input ends a run with one clear line, an exit code other than 0 and nothing half-written."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest

from tests.bundles.commands import run_bundle


def voxels(change: Callable[[np.ndarray], np.ndarray]) -> Callable[[Path], None]:
    """A damage that changes a file's voxels."""

    def damage(path: Path) -> None:
        image = nib.load(path)
        nib.save(nib.Nifti1Image(change(image.get_fdata().astype(np.float32)), image.affine), path)

    return damage


def truncate(path: Path) -> None:
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def with_nan(image: np.ndarray) -> np.ndarray:
    image[5, 5, 5] = np.nan
    return image


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

BAD_OPTIONS = {
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


@pytest.fixture
def damaged(tiny, tmp_path) -> Callable[..., Path]:
    """A datalist of the phantoms in which one file of the fourth subject is damaged."""

    def damaged(key: str, damage: Callable[[Path], None]) -> Path:
        folder = tiny["dataset_dir"]
        content = json.loads((folder / "datalist.json").read_text())
        for row in content["training"]:
            row["image"] = [str(folder / name) for name in row["image"]]
            row["mask"] = str(folder / row["mask"])
        row = content["training"][3]
        source = Path(row["image"][1] if key == "image" else row[key])
        copy = tmp_path / source.name
        copy.write_bytes(source.read_bytes())
        damage(copy)
        if key == "image":
            row["image"][1] = str(copy)
        else:
            row[key] = str(copy)
        path = tmp_path / "datalist.json"
        path.write_text(json.dumps(content))
        return path

    return damaged


@pytest.mark.parametrize("case", BAD_FILES)
def test_a_bad_file_is_reported_with_row_and_file(case, damaged, error_lines, configs, tiny):
    key, damage, expected = BAD_FILES[case]
    datalist = damaged(key, damage)
    count, line = error_lines(configs / "pretrain.yaml", **tiny | {"datalist": datalist, "strategy": "plain"})
    assert count == f"error: {datalist}: 1 problem"
    assert "training[3]" in line and ".nii.gz" in line
    assert re.search(expected, line), line


@pytest.mark.parametrize("case", BAD_OPTIONS)
def test_a_bad_option_is_reported_in_one_line(case, error_lines, configs, tiny):
    options, expected = BAD_OPTIONS[case]
    values = tiny | {"batch_size": 2, "candidates_per_cluster": 4} | options
    first, *others = error_lines(configs / "pretrain.yaml", **values)
    assert re.search(expected, first), first
    count = re.search(r"(\d+) problems?$", first)
    assert len(others) == (int(count[1]) if count else 0)


@pytest.mark.parametrize(
    ("config", "options"),
    [
        ("extract_features.yaml", {"checkpoint": "pretrained", "channels": [4, 4, 4, 8]}),
        ("extract_features.yaml", {"checkpoint": "classifier", "in_channels": 4, "channels": [8, 4, 4, 4]}),
        ("evaluate.yaml", {"checkpoint": "pretrained"}),
        ("train.yaml", {"pretrained_encoder": "pretrained", "channels": [4, 8, 4, 4]}),
    ],
)
def test_a_checkpoint_of_another_architecture_is_reported_in_one_line(
    config, options, error_lines, configs, tiny, pretrained, classifier
):
    files = {"pretrained": pretrained, "classifier": classifier}
    options = {key: files.get(value, value) if isinstance(value, str) else value for key, value in options.items()}
    (line,) = error_lines(configs / config, **tiny | options)
    assert ("another architecture" in line or "trained with [4, 4, 4, 4]" in line) and ".pt" in line


@pytest.mark.parametrize("config", ["extract_features.yaml", "evaluate.yaml", "train.yaml"])
@pytest.mark.parametrize("content", [None, b"", b"PK not a checkpoint"])
def test_an_unreadable_checkpoint_is_reported_in_one_line(config, content, error_lines, configs, tiny, tmp_path):
    path = tmp_path / "model.pt"
    if content is not None:
        path.write_bytes(content)
    key = "pretrained_encoder" if config == "train.yaml" else "checkpoint"
    (line,) = error_lines(configs / config, **tiny | {key: path})
    assert str(path) in line


def test_another_run_in_the_output_folder_is_reported_and_kept(run_config, error_lines, configs, tiny, tmp_path):
    options = tiny | {"batch_size": 4, "max_epochs": 1, "strategy": "plain"}
    run_config(configs / "pretrain.yaml", output_dir=tmp_path / "output", **options)
    (line,) = error_lines(configs / "pretrain.yaml", **options | {"seed": 1, "max_epochs": 2})
    assert "seed 0 (now 1)" in line and "resume" in line


def test_a_run_whose_datalist_has_changed_is_another_run(run_config, error_lines, configs, tiny, tmp_path):
    folder = Path(tiny["dataset_dir"])
    content = json.loads((folder / "datalist.json").read_text())
    for row in content["training"]:
        images = row["image"] if isinstance(row["image"], list) else [row["image"]]
        row |= {"image": [str(folder / path) for path in images], "mask": str(folder / row["mask"])}
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
def test_the_command_line_reports_a_bad_file_and_fails(case, damaged, configs, tiny, tmp_path):
    key, damage, _ = BAD_FILES[case]
    overrides = tiny | {"datalist": damaged(key, damage), "output_dir": tmp_path / "output", "quiet": False}
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
