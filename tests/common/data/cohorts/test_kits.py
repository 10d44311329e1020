from __future__ import annotations

import json
from collections import Counter

import nibabel as nib
import numpy as np
import pytest

from common.data import load_datalist
from common.data.cohorts import kits_datalist
from common.data.cohorts.kits import KITS_LABELS, kits_pretraining_path
from common.errors import InputError

IPL = np.array([[0, 0, -2.0, 0], [0, -2, 0, 0], [-3, 0, 0, 0], [0, 0, 0, 1]])


def make(root, subtypes: list[str], affine: np.ndarray = IPL) -> None:
    for i, _ in enumerate(subtypes):
        folder = root / f"case_{i:05d}"
        folder.mkdir(parents=True)
        image = np.random.default_rng(i).integers(-100, 200, (4, 5, 6)).astype(np.int16)
        mask = np.zeros((4, 5, 6), dtype=np.uint8)
        mask[1:3, 1:4], mask[2, 2, 2:4] = 1, 2
        nib.save(nib.Nifti1Image(image, affine), folder / "imaging.nii.gz")
        nib.save(nib.Nifti1Image(mask, affine), folder / "segmentation.nii.gz")
    table = [{"case_id": f"case_{i:05d}", "tumor_histologic_subtype": name} for i, name in enumerate(subtypes)]
    (root / "kits.json").write_text(json.dumps(table))


@pytest.fixture
def root(tmp_path):
    """A small version of KiTS19: 14 of 22 cases are clear cell, two of other subtypes."""
    root = tmp_path / "data"
    make(root, ["clear_cell_rcc"] * 14 + ["papillary", "chromophobe", "oncocytoma"] * 2 + ["mest", "urothelial"])
    return root


def test_two_datalists_share_no_patient_and_hold_them_all(root):
    path = kits_datalist(root, root / "datalist.json", clear_cell=3, num_folds=2)
    rows = load_datalist(path, mask="required", label="required", num_classes=4, mask_label=2, modalities=["CT"])
    assert Counter(row["label"] for row in rows) == {0: 3, 1: 2, 2: 2, 3: 2}
    assert all(KITS_LABELS[row["label"]] == row["histology"] for row in rows)
    rest = load_datalist(kits_pretraining_path(path), mask="required", mask_label=2)
    assert Counter(row["histology"] for row in rest) == {"clear_cell_rcc": 11, "mest": 1, "urothelial": 1}
    assert not any("label" in row or "fold" in row for row in rest)
    subjects = [row["subject"] for row in rows + rest]
    assert sorted(subjects) == [f"case_{i:05d}" for i in range(22)]
    assert all(len({row["label"] for row in rows if row["fold"] == fold}) == 4 for fold in range(2))


def test_all_clear_cell_cases_are_kept_when_asked(root):
    path = kits_datalist(root, root / "datalist.json", clear_cell=None, num_folds=2)
    assert Counter(row["label"] for row in load_datalist(path, check="none"))[0] == 14
    assert len(load_datalist(kits_pretraining_path(path), check="none")) == 2


def test_names_of_later_releases_are_known(root):
    text = (root / "kits.json").read_text()
    (root / "kits.json").write_text(text.replace("papillary", "papillary_rcc").replace("phobe", "phobe_rcc"))
    rows = load_datalist(kits_datalist(root, root / "datalist.json", num_folds=2), check="none")
    assert Counter(row["histology"] for row in rows)["papillary"] == 2


def test_all_bad_cases_are_reported_at_once(root):
    (root / "case_00001" / "segmentation.nii.gz").unlink()
    (root / "case_00099").mkdir()
    nib.save(nib.Nifti1Image(np.zeros((4, 5, 6), np.int16), np.diag([3, 2, 2, 1])), root / "case_00003/imaging.nii.gz")
    (root / "case_00004" / "imaging.nii.gz").write_bytes(b"version https://git-lfs.github.com/spec/v1\n")
    table = json.loads((root / "kits.json").read_text())
    table[2]["tumor_histologic_subtype"], table[5]["tumor_histologic_subtype"] = None, "cyst"
    (root / "kits.json").write_text(json.dumps(table))
    with pytest.raises(InputError) as error:
        kits_datalist(root, root / "datalist.json", num_folds=2)
    lines = str(error.value).splitlines()
    assert lines[0] == f"{root}: 6 problems"
    assert lines[1] == "  case case_00099: not in kits.json"
    assert lines[2] == "  case case_00001: no segmentation.nii.gz"
    assert lines[3].startswith("  case case_00002: tumor_histologic_subtype is empty, expected clear_cell_rcc,")
    assert lines[4].startswith("  case case_00003: imaging.nii.gz: found axes RAS, expected slices along the first")
    assert lines[5].startswith("  case case_00004: imaging.nii.gz: found a plain file")
    assert lines[6].startswith("  case case_00005: tumor_histologic_subtype is cyst")
    assert not (root / "datalist.json").exists() and not kits_pretraining_path(root / "datalist.json").exists()
    kits_datalist(root, root / "datalist.json", incomplete="drop", num_folds=2)


@pytest.mark.parametrize("text", ["", "{}", "[]", "[1, 2]", '"case"'])
def test_a_table_that_is_none_is_reported(root, text):
    (root / "kits.json").write_text(text)
    with pytest.raises(InputError, match=r"kits.json: found .* expected a list of cases with case_id"):
        kits_datalist(root, root / "datalist.json")


def test_the_real_masks_and_subtypes_are_balanced_as_the_paper_does(shared_data, tmp_path):
    cohort = shared_data / "kits19_masks_3mm"
    entries = []
    for line in (cohort / "labels.csv").read_text().splitlines()[1:]:
        case, subtype = line.split(",")[0], line.split(",")[8]
        folder = tmp_path / case
        folder.mkdir()
        for name in ("imaging", "segmentation"):  # no CT is here: its mask has its geometry
            (folder / f"{name}.nii.gz").symlink_to(cohort / f"{case}.nii.gz")
        entries.append({"case_id": case, "tumor_histologic_subtype": subtype})
    (tmp_path / "kits.json").write_text(json.dumps(entries))
    path = kits_datalist(tmp_path, tmp_path / "datalist.json")
    rows = load_datalist(path, mask="required", label="required", mask_label=2, check="none")
    assert Counter(row["label"] for row in rows) == {0: 20, 1: 13, 2: 13, 3: 7}
    assert len(load_datalist(kits_pretraining_path(path), check="none")) == 142 - 53
    assert all(len({row["label"] for row in rows if row["fold"] == fold}) == 4 for fold in range(5))
