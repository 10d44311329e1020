from __future__ import annotations

import json
from collections import Counter, defaultdict

import pytest

from common.data import load_datalist
from common.data.cohorts import oasis_datalist
from common.errors import InputError


@pytest.fixture
def root(cohort):
    lines = ["id,Subject,base,Gender,Age,Notes"]
    for i in range(6):
        cohort.nifti(f"{1000 + i}.nii.gz", cohort.noise(seed=i))
        lines.append(f"{1000 + i},OAS1_{i // 2:04d}_MR{i % 2},OAS1_{i // 2:04d},{'FM'[i // 2 % 2]},{20 + i},")
    (cohort.folder / "labels.csv").write_text("\n".join(lines) + "\n")
    return cohort.folder


def test_scans_and_rescans_are_one_subject(root, tmp_path):
    rows = load_datalist(oasis_datalist(root, tmp_path / "list.json", num_folds=3))
    assert Counter(row["subject"] for row in rows) == {f"OAS1_{i:04d}": 2 for i in range(3)}
    assert len({(row["subject"], row["fold"]) for row in rows}) == 3 and rows[1]["age"] == 21.0


def test_a_column_can_be_the_label(root, tmp_path):
    lines = (root / "labels.csv").read_text().replace("OAS1_0002,F,24", "OAS1_0003,M,24")
    (root / "labels.csv").write_text(lines.replace("OAS1_0000,F,20", "OAS1_0004,F,20"))
    path = oasis_datalist(root, tmp_path / "list.json", label="Gender", num_folds=2)
    assert json.loads(path.read_text())["labels"] == {"0": "F", "1": "M"}
    assert [row["label"] for row in load_datalist(path, label="required")] == [0, 0, 1, 1, 1, 0]


def test_a_missing_volume_or_age_is_reported(root, tmp_path):
    (root / "1003.nii.gz").unlink()
    (root / "labels.csv").write_text((root / "labels.csv").read_text().replace(",24,", ",old,"))
    with pytest.raises(InputError) as error:
        oasis_datalist(root, tmp_path / "list.json")
    lines = [line.strip() for line in str(error.value).splitlines()]
    assert lines[1:3] == ["scan 1003: no 1003.nii.gz", "scan 1004: Age is old, expected a number of years"]


@pytest.mark.parametrize("seed", range(10))
def test_real_people_scanned_twice_are_in_one_fold(shared_data, tmp_path, seed):
    path = oasis_datalist(shared_data / "oasis_t1_2mm", tmp_path / "list.json", seed=seed)
    rows = load_datalist(path, check="header")
    folds = defaultdict(set)
    for row in rows:
        folds[row["subject"]].add(row["fold"])
    assert len(rows) == 22 and len(folds) == 20
    assert sum(count == 2 for count in Counter(row["subject"] for row in rows).values()) == 2
    assert all(len(found) == 1 for found in folds.values())
