from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
from monai.transforms import LoadImage

from common.data import load_datalist, number_of_classes, number_of_images
from common.data.cohorts import decathlon_datalist
from common.errors import InputError
from common.transforms import CheckedReader

NAMES = [f"prostate_{number:02d}.nii.gz" for number in range(6)]
LABELS = ("background", "peripheral", "transition")


def image(path: Path, channels: int = 1) -> None:
    shape = (5, 6, 7) if channels == 1 else (5, 6, 7, channels)
    path.parent.mkdir(parents=True, exist_ok=True)
    nib.save(nib.Nifti1Image(np.random.default_rng(0).integers(0, 900, shape).astype(np.int16), np.eye(4)), path)


def label_map(path: Path, largest: int = 2) -> None:
    voxels = np.zeros((5, 6, 7), np.uint8)
    voxels[1, 2, : largest + 1] = range(largest + 1)
    path.parent.mkdir(parents=True, exist_ok=True)
    nib.save(nib.Nifti1Image(voxels, np.eye(4)), path)


@pytest.fixture
def task(tmp_path) -> Path:
    """A task of T2 and ADC in one file: six patients, two of a test set, and the hidden files of its archive."""
    root = tmp_path / "Task05_Prostate"
    for name in NAMES:
        image(root / "imagesTr" / name, channels=2)
        label_map(root / "labelsTr" / name)
    for name in ("prostate_90.nii.gz", "prostate_91.nii.gz"):
        image(root / "imagesTs" / name, channels=2)
    (root / "imagesTr" / "._prostate_00.nii.gz").write_bytes(b"Mac OS X")
    content = {
        "modality": {"0": "T2", "1": "ADC"},
        "labels": {str(index): name for index, name in enumerate(LABELS)},
        "training": [{"image": f"./imagesTr/{name}", "label": f"./labelsTr/{name}"} for name in NAMES],
        "test": ["./imagesTs/prostate_90.nii.gz", "./imagesTs/prostate_91.nii.gz"],
    }
    (root / "dataset.json").write_text(json.dumps(content))
    return root


@pytest.fixture
def folders(tmp_path) -> Path:
    root = tmp_path / "hippocampus"
    for name in NAMES:
        image(root / "images" / name)
        label_map(root / "labels" / name)
    return root


def changed(task: Path, **changes: object) -> None:
    path = task / "dataset.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))


def test_a_task_keeps_its_modalities_in_one_file_and_its_test_set_apart(task, tmp_path, caplog):
    path = decathlon_datalist(task, tmp_path / "list.json", num_folds=3)
    rows = load_datalist(path, label="mask", modalities=("T2", "ADC"))
    assert [row["subject"] for row in rows] == [f"prostate_{number:02d}" for number in range(6)]
    assert Counter(row["fold"] for row in rows) == {0: 2, 1: 2, 2: 2}
    assert rows[1]["label"] == str(task / "labelsTr/prostate_01.nii.gz")
    assert LoadImage(reader=CheckedReader(), ensure_channel_first=True)(rows[0]["image"]).shape == (2, 5, 6, 7)
    assert (number_of_classes(path), number_of_images(path)) == (3, 2)
    assert json.loads(path.read_text())["labels"] == {str(index): name for index, name in enumerate(LABELS)}
    testing = load_datalist(path, section="testing")
    assert [row["subject"] for row in testing] == ["prostate_90", "prostate_91"] and "label" not in testing[0]
    assert "imagesTr: left out 1 hidden files, such as ._prostate_00.nii.gz" in caplog.text


def test_a_task_without_the_images_of_its_test_set_has_no_test_section(task, tmp_path):
    for path in (task / "imagesTs").iterdir():
        path.unlink()
    (task / "imagesTs").rmdir()
    path = decathlon_datalist(task, tmp_path / "list.json", num_folds=2)
    assert json.loads(path.read_text())["testing"] == []


def test_missing_surplus_repeated_and_swapped_files_are_reported_all_at_once(task, tmp_path):
    training = json.loads((task / "dataset.json").read_text())["training"]
    swapped = {"image": training[4]["image"], "label": training[5]["label"]}
    changed(task, training=[*training[:4], training[3], swapped, {"image": "x"}])
    (task / "labelsTr" / NAMES[1]).unlink()
    (task / "imagesTs" / "prostate_91.nii.gz").unlink()
    with pytest.raises(InputError) as error:
        decathlon_datalist(task, tmp_path / "list.json")
    lines = str(error.value).splitlines()
    twice = "imagesTr/prostate_03.nii.gz is listed 2 times; labelsTr/prostate_03.nii.gz is listed 2 times"
    assert lines[:-1] == [
        f"{task}: 8 problems",
        "  dataset.json, training[6]: found {'image': 'x'}, expected the paths image and label",
        "  imagesTr/prostate_05.nii.gz: not in dataset.json",
        "  labelsTr/prostate_04.nii.gz: not in dataset.json",
        "  image prostate_01: no labelsTr/prostate_01.nii.gz",
        f"  image prostate_03: {twice}",
        f"  image prostate_03: {twice}",
        "  image prostate_04: its label map has another name, prostate_05.nii.gz",
        "  image prostate_91: no imagesTs/prostate_91.nii.gz",
    ]
    path = decathlon_datalist(task, tmp_path / "list.json", incomplete="drop", num_folds=2)
    content = json.loads(path.read_text())
    assert [row["subject"] for row in content["training"]] == ["prostate_00", "prostate_02"]
    assert [row["subject"] for row in content["testing"]] == ["prostate_90"]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"labels": {}}, "dataset.json: found no labels, expected"),
        ({"labels": {"background": 0}}, "dataset.json: labels: found .*expected"),
        ({"modality": None}, "dataset.json: found no modality, expected"),
        ({"training": None}, "dataset.json: found no list 'training'"),
    ],
)
def test_a_dataset_json_of_another_form_is_refused(task, tmp_path, changes, message):
    changed(task, **changes)
    with pytest.raises(InputError, match=message):
        decathlon_datalist(task, tmp_path / "list.json")


def test_folders_with_equal_names_need_a_name_for_each_value_of_the_label_maps(folders, tmp_path):
    path = decathlon_datalist(folders, folders / "list.json", labels=LABELS, num_folds=2)
    rows = load_datalist(path, label="mask", num_images=1)
    assert len(rows) == 6 and Counter(row["fold"] for row in rows) == {0: 3, 1: 3}
    assert json.loads(path.read_text())["training"][0]["image"] == "images/prostate_00.nii.gz"
    assert (number_of_classes(path), number_of_images(path)) == (3, 1)
    for labels, found in (((), "no names"), (LABELS[:2], "0 = background, 1 = peripheral"), ((*LABELS, "x"), "3 = x")):
        with pytest.raises(InputError, match=f"{found} for .* values 0, 1, 2; .* --labels background,name1,name2"):
            decathlon_datalist(folders, tmp_path / "list.json", labels=labels)


def test_a_value_that_the_first_label_maps_lack_is_found_in_later_ones(folders, tmp_path, monkeypatch):
    monkeypatch.setattr("common.data.cohorts.decathlon.FIRST_MAPS", 2)
    label_map(folders / "labels" / NAMES[5], largest=3)
    decathlon_datalist(folders, tmp_path / "list.json", labels=(*LABELS, "seminal vesicles"), num_folds=2)


def test_label_maps_with_gaps_and_images_without_partner_are_one_report(folders, tmp_path):
    nib.save(nib.Nifti1Image(np.full((5, 6, 7), 255, np.uint8), np.eye(4)), folders / "labels" / NAMES[0])
    (folders / "labels" / NAMES[1]).unlink()
    (folders / "images" / NAMES[2]).unlink()
    with pytest.raises(InputError) as error:
        decathlon_datalist(folders, tmp_path / "list.json", labels=LABELS)
    assert str(error.value).splitlines() == [
        f"{folders}: 3 problems",
        "  labels: found label maps with the values 0, 1, 2, 255, expected 0, 1, 2, ... without gaps; renumber them",
        "  image prostate_01: no labels/prostate_01.nii.gz",
        "  image prostate_02: no images/prostate_02.nii.gz",
    ]


def test_names_beside_a_dataset_json_and_other_folders_are_refused(task, tmp_path):
    with pytest.raises(InputError, match="labels, modalities: found names, expected none"):
        decathlon_datalist(task, tmp_path / "list.json", labels=LABELS)
    with pytest.raises(InputError, match=r"found neither dataset\.json nor the folders images and labels"):
        decathlon_datalist(task / "imagesTr", tmp_path / "list.json")


def test_the_real_hippocampus_is_listed_with_three_labels(shared_data, tmp_path):
    path = decathlon_datalist(
        shared_data / "msd_hippocampus",
        tmp_path / "list.json",
        labels=("background", "anterior", "posterior"),
        modalities=("T1w",),
    )
    rows = load_datalist(path, label="mask", modalities=("T1w",), num_classes=3, check="none")
    assert len({row["subject"] for row in rows}) == len(rows) == 200
    assert Counter(row["fold"] for row in rows) == dict.fromkeys(range(5), 40)
