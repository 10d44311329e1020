from __future__ import annotations

from collections import defaultdict
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
from monai.transforms import LoadImage

from common.data import load_datalist
from common.data.cohorts import adni_datalist
from common.errors import InputError
from tests.common.data.cohorts.dicom_studies import expected_voxels, write_series

HEADER = "Image Data ID,Subject,Group,Sex,Age,Visit,Modality,Description,Type,Acq Date,Format,Downloaded"
GROUPS = ("CN", "AD", "MCI")


@pytest.fixture
def root(tmp_path) -> Path:
    """The layout of a download: six people with two visits each, the first one's first scan as DICOM."""
    root, lines = tmp_path / "adni", [HEADER]
    for i in range(6):
        for visit, month in enumerate(("sc", "m12")):
            name, subject = f"I{1000 + 10 * i + visit}", f"{i:03d}_S_{2000 + i}"
            folder = root / "ADNI" / subject / "MPRAGE" / f"200{visit}-01-01_10_00_00.0" / name
            if i == visit == 0:
                write_series(folder, "MPRAGE", 3.0, value=500)
            else:
                folder.mkdir(parents=True)
                voxels = np.random.default_rng(10 * i + visit).integers(0, 900, (5, 6, 7)).astype(np.int16)
                nib.save(nib.Nifti1Image(voxels, np.eye(4)), folder / f"ADNI_{subject}_MR_MPRAGE_{name}.nii")
            group = GROUPS[2 if i > 3 else i % 2]
            lines.append(
                f'"{name}","{subject}","{group}","F","{70 + i}","{month}","MRI","MPRAGE","Original","1/1/2006"'
            )
    lines.append('"I9999","000_S_2000","CN","F","70","sc","MRI","Localizer","Original","1/1/2006"')
    (root / "search.csv").write_text("\n".join(lines) + "\n")
    return root


def test_visits_of_one_person_stay_together_and_dicom_is_a_folder(root, tmp_path):
    path = adni_datalist(root, tmp_path / "list.json", description="mprage", num_folds=3)
    rows = load_datalist(path)
    assert len(rows) == 12 and rows[0]["age"] == 70.0 and rows[1]["visit"] == "m12" and "label" not in rows[0]
    folds = defaultdict(set)
    for row in rows:
        folds[row["subject"]].add(row["fold"])
    assert len(folds) == 6 and all(len(found) == 1 for found in folds.values())
    image = LoadImage(image_only=True)(rows[0]["image"])
    assert Path(rows[0]["image"]).is_dir() and np.array_equal(
        np.sort(image.numpy(), None), np.sort(expected_voxels(500), None)
    )


def test_other_groups_are_reported_or_dropped(root, tmp_path):
    settings = {"class_names": ("CN", "AD"), "description": "MPRAGE", "num_folds": 2}
    with pytest.raises(InputError) as error:
        adni_datalist(root, tmp_path / "list.json", **settings)
    assert str(error.value).count("Group is MCI, expected one of CN, AD") == 4
    rows = load_datalist(adni_datalist(root, tmp_path / "list.json", **settings, incomplete="drop"), label="required")
    assert [row["label"] for row in rows] == [0, 0, 1, 1] * 2


def test_a_scan_without_folder_is_reported(root, tmp_path):
    with pytest.raises(InputError, match=r"scan I9999 \(subject 000_S_2000\): found 0 folders of its id"):
        adni_datalist(root, tmp_path / "list.json")


def test_a_missing_table_is_reported(root, tmp_path):
    (root / "search.csv").rename(root / "search.txt")
    with pytest.raises(InputError, match=r"found the tables none, expected one \.csv"):
        adni_datalist(root, tmp_path / "list.json")


def test_everybody_but_the_test_subjects_pre_trains_other_groups_included(root, tmp_path):
    settings = {"class_names": ("CN", "AD"), "description": "MPRAGE", "num_folds": 2}
    path = adni_datalist(root, tmp_path / "list.json", test_fold=1, **settings)
    rows, others = load_datalist(path), load_datalist(tmp_path / "list_pretraining.json")
    tested = {row["subject"] for row in rows if row["fold"] == 1}
    everybody = {f"{i:03d}_S_{2000 + i}" for i in range(6)}
    assert len({row["subject"] for row in rows}) == 4 and tested
    assert {row["subject"] for row in others} == everybody - tested
    assert not any("label" in row or "fold" in row for row in others)
    with pytest.raises(InputError, match=r"test_fold: found 7, expected one of \[0, 1\]"):
        adni_datalist(root, tmp_path / "list.json", test_fold=7, **settings)
