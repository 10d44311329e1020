from __future__ import annotations

import json
from collections import defaultdict
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest

from common.data import load_datalist
from common.data.cohorts import isbi_datalist
from common.errors import InputError

MODALITIES = ("flair", "mprage", "pd", "t2")


def volume(path: Path, voxels: np.ndarray) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    nib.save(nib.Nifti1Image(voxels, np.eye(4)), path)


@pytest.fixture
def root(tmp_path) -> Path:
    """A small version of the challenge: five patients with four or five visits, two raters, and a test patient."""
    root, rng = tmp_path / "isbi", np.random.default_rng(0)
    patients = [f"training/training{i:02d}" for i in range(1, 6)] + ["testdata_website/test01"]
    for number, patient in enumerate(patients):
        folder, name = root / patient, Path(patient).name
        for visit in range(1, 5 + (number == 2)):
            for k, modality in enumerate(MODALITIES):
                image = rng.integers(0, 500, (6, 7, 8)).astype(np.int16)
                volume(folder / "preprocessed" / f"{name}_{visit:02d}_{modality}_pp.nii", image)
                volume(folder / "orig" / f"{name}_{visit:02d}_{modality}.nii.gz", image[: 4 + k])
            for rater in (1, 2) if "training" in name else ():
                mask = np.zeros((6, 7, 8), dtype=np.uint8)
                mask[1:3, 2, 3] = rater == 1 or visit > 1  # the second rater sees nothing at the first visit
                volume(folder / "masks" / f"{name}_{visit:02d}_mask{rater}.nii", mask)
    return root


def test_visits_are_rows_with_a_label_map_and_the_test_set_is_apart(root, tmp_path):
    path = isbi_datalist(root, tmp_path / "list.json")
    rows = load_datalist(path, label="mask", modalities=MODALITIES)
    assert len(rows) == 21 and [Path(file).name for file in rows[0]["image"]] == [
        f"training01_01_{modality}_pp.nii" for modality in MODALITIES
    ]
    assert Path(rows[0]["label"]).name == "training01_01_mask1.nii" and rows[1]["session"] == "02"
    testing = load_datalist(path, section="testing", label="ignored")
    assert len(testing) == 4 and {row["subject"] for row in testing} == {"test01"}
    assert json.loads(path.read_text())["labels"] == {"0": "background", "1": "lesion"}


def test_visits_of_one_patient_are_never_in_two_folds(root, tmp_path):
    folds = defaultdict(set)
    for row in load_datalist(isbi_datalist(root, tmp_path / "list.json"), label="mask", check="none"):
        folds[row["subject"]].add(row["fold"])
    assert len(folds) == 5 and sorted(fold for found in folds.values() for fold in found) == [0, 1, 2, 3, 4]


def test_the_other_rater_and_fewer_modalities_can_be_chosen_and_a_mask_may_be_empty(root, tmp_path):
    rows = load_datalist(isbi_datalist(root, tmp_path / "list.json", modalities=("t2",), rater=2), label="mask")
    assert rows[0]["image"].endswith("_t2_pp.nii") and rows[0]["label"].endswith("mask2.nii")


def test_originals_are_for_one_modality_without_labels(root, tmp_path):
    rows = load_datalist(isbi_datalist(root, tmp_path / "list.json", modalities=("mprage",), stage="orig"))
    assert len(rows) == 21 and rows[0]["image"].endswith("training01_01_mprage.nii.gz") and "label" not in rows[0]
    with pytest.raises(InputError, match="one modality of 'orig'"):
        isbi_datalist(root, tmp_path / "list.json", stage="orig")


def test_missing_files_are_reported_all_at_once(root, tmp_path):
    (root / "training/training02/preprocessed/training02_03_pd_pp.nii").unlink()
    (root / "training/training04/masks/training04_01_mask1.nii").unlink()
    with pytest.raises(InputError) as error:
        isbi_datalist(root, tmp_path / "list.json")
    lines = [line.strip() for line in str(error.value).splitlines()]
    assert lines[1] == "patient training02, visit 03: no preprocessed/training02_03_pd_pp.nii"
    assert lines[2] == "patient training04, visit 01: no masks/training04_01_mask1.nii"
    rows = load_datalist(isbi_datalist(root, tmp_path / "l.json", incomplete="drop"), label="mask", check="none")
    assert len(rows) == 19


def test_arguments_that_make_no_sense_are_reported(root, tmp_path):
    for arguments, message in (
        ({"modalities": ("t1",)}, "modalities: found"),
        ({"rater": 3}, "expected rater 1 or 2"),
        ({"stage": "raw"}, "stage: found 'raw'"),
    ):
        with pytest.raises(InputError, match=message):
            isbi_datalist(root, tmp_path / "list.json", **arguments)
    with pytest.raises(InputError, match="found no patient, expected folders training01"):
        isbi_datalist(tmp_path / "isbi" / "training" / "training01" / "masks", tmp_path / "list.json")
