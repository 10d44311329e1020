from __future__ import annotations

import csv
import logging
import shutil
from pathlib import Path

import pytest

from common.data import load_datalist
from common.data.cohorts import brats_datalist
from common.data.phantoms import BrainPhantoms
from common.errors import InputError


@pytest.fixture(scope="module")
def original(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("brats") / "cohort"
    return BrainPhantoms(num_subjects=16, shape=(16, 16, 16), num_folds=2).make(folder).parent


@pytest.fixture
def root(original, tmp_path) -> Path:
    return Path(shutil.copytree(original, tmp_path / "MICCAI_BraTS_2019_Data_Training"))


def by_subject(rows: list[dict]) -> dict[str, tuple]:
    return {row["subject"]: (row["label"], row["centre"], row["image"], row["mask"]) for row in rows}


def test_the_layout_of_2019_gives_back_what_the_phantoms_datalist_says(root):
    path = brats_datalist(root, root / "read.json", num_folds=2)
    expected = load_datalist(root / "datalist.json", check="none")
    rows = load_datalist(path, mask="required", label="required", num_images=4)
    assert by_subject(rows) == by_subject(expected)
    assert {row["fold"] for row in rows} == {0, 1}


def test_a_folder_above_the_training_set_will_do(root, tmp_path):
    path = brats_datalist(tmp_path, tmp_path / "read.json", num_folds=2)
    assert len(load_datalist(path, check="none")) == 16


@pytest.mark.parametrize(
    ("name", "subject", "centre"),
    [
        ("BraTS19_TCIA01_131_1", "BraTS19_TCIA01_131", "TCIA"),
        ("Brats18_2013_10_1", "Brats18_2013_10", "others"),
        ("BraTS19_TMC_06290_1", "BraTS19_TMC_06290", "TMC"),
        ("BraTS20_Training_001", "BraTS20_Training_001", "unknown"),
    ],
)
def test_subject_and_centre_come_from_the_name(root, name, subject, centre):
    rename(next((root / "HGG").iterdir()), name)
    rows = load_datalist(brats_datalist(root, root / "read.json", num_folds=2), check="none")
    assert [row["centre"] for row in rows if row["subject"] == subject] == [centre]


def rename(folder: Path, name: str) -> Path:
    for file in folder.iterdir():
        file.rename(folder / file.name.replace(folder.name, name))
    return folder.rename(folder.with_name(name))


def flatten_as_2020(root: Path) -> list[dict]:
    """Folders BraTS20_Training_<n> and a name mapping, as in 2020."""
    rows = []
    for number, folder in enumerate(sorted(root.glob("?GG/*"))):
        grade, old = folder.parent.name, folder.name.replace("Phantom", "BraTS19")
        shutil.move(rename(folder, f"BraTS20_Training_{number:03d}"), root)
        rows.append(
            {
                "Grade": grade,
                "BraTS_2017_subject_ID": "NA",
                "BraTS_2019_subject_ID": old,
                "BraTS_2020_subject_ID": f"BraTS20_Training_{number:03d}",
            }
        )
    for path in root.glob("?GG"):
        path.rmdir()
    return rows


def write_mapping(root: Path, rows: list[dict]) -> None:
    with (root / "name_mapping.csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, rows[0].keys())
        writer.writeheader()
        writer.writerows(rows)


def test_the_layout_of_2020_takes_grade_and_centre_from_the_name_mapping(root):
    expected = load_datalist(root / "datalist.json", check="none")
    write_mapping(root, flatten_as_2020(root))
    rows = load_datalist(brats_datalist(root, root / "read.json", num_folds=2), num_images=4)
    found = {row["subject"].replace("BraTS19", "Phantom"): (row["label"], row["centre"]) for row in rows}
    assert found == {row["subject"]: (row["label"], row["centre"]) for row in expected}


def test_patients_without_files_or_grade_are_reported_all_or_dropped(root, caplog):
    mapping = flatten_as_2020(root)
    write_mapping(root, mapping[1:])
    (root / "BraTS20_Training_003" / "BraTS20_Training_003_t1ce.nii.gz").unlink()
    with pytest.raises(InputError) as error:
        brats_datalist(root, root / "read.json", num_folds=2)
    assert "2 problems" in str(error.value)
    assert "patient BraTS20_Training_000: found no grade" in str(error.value)
    assert "patient BraTS20_Training_003: no BraTS20_Training_003_t1ce.nii.gz" in str(error.value)
    assert not (root / "read.json").exists()
    with caplog.at_level(logging.WARNING):
        path = brats_datalist(root, root / "read.json", incomplete="drop", num_folds=2)
    assert len(load_datalist(path, check="none")) == 14
    assert "dropped patient BraTS20_Training_000: found no grade" in caplog.text


def test_uncompressed_files_are_found_too(root):
    import nibabel as nib

    folder = next((root / "HGG").iterdir())
    for path in folder.iterdir():
        nib.save(nib.load(path), str(path).removesuffix(".gz"))
        path.unlink()
    rows = load_datalist(brats_datalist(root, root / "read.json", num_folds=2))
    assert sum(row["mask"].endswith(".nii") for row in rows) == 1


def test_a_folder_without_patients_is_reported(tmp_path):
    with pytest.raises(InputError, match="found no patient"):
        brats_datalist(tmp_path, tmp_path / "read.json")
    with pytest.raises(InputError, match="found no such folder"):
        brats_datalist(tmp_path / "gone", tmp_path / "read.json")
