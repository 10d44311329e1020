from __future__ import annotations

import json
from collections import Counter, defaultdict
from pathlib import Path

import pytest

from common.data import load_datalist
from common.data.cohorts import lidc_datalist
from common.errors import InputError


@pytest.fixture
def root(tmp_path) -> Path:
    """Eight patients with two nodules each, of which the second of every other patient is malignant."""
    root = tmp_path / "lidc"
    lines = ["file,patient_id,nodule_id,diameter_mm,Diagnosis,Malignancy_value"]
    for patient in range(8):
        for nodule in (1, 2):
            diagnosis = "Malign" if nodule == 2 and patient % 2 else "Benign"
            lines.append(f"P{patient}_R_{nodule}.nii.gz,P{patient},{nodule},{5 + patient}.5,{diagnosis},{patient % 5}")
            for folder in ("image", "mask"):
                (root / folder).mkdir(parents=True, exist_ok=True)
                (root / folder / f"P{patient}_R_{nodule}.nii.gz").touch()
    (root / "labels.csv").write_text("\n".join(lines) + "\n")
    return root


def folds_of_patients(rows: list[dict]) -> dict[str, set[int]]:
    folds = defaultdict(set)
    for row in rows:
        folds[row["patient"]].add(row["fold"])
    return folds


def test_a_nodule_is_a_subject_and_a_patient_is_in_one_fold(root, tmp_path):
    rows = load_datalist(lidc_datalist(root, tmp_path / "list.json", num_folds=4), check="none")
    assert Counter(row["label"] for row in rows) == {0: 12, 1: 4} and len({row["subject"] for row in rows}) == 16
    assert all(len(found) == 1 for found in folds_of_patients(rows).values())
    assert Counter(row["fold"] for row in rows if row["label"]) == {0: 1, 1: 1, 2: 1, 3: 1}
    assert rows[3] == {
        "image": str(root / "image/P1_R_2.nii.gz"),
        "mask": str(root / "mask/P1_R_2.nii.gz"),
        "label": 1,
        "subject": "P1_R_2",
        "patient": "P1",
        "malignancy": "1",
        "diameter_mm": "6.5",
        **{key: rows[3][key] for key in ("fold", "index", "row")},
    }


def test_nodules_of_test_patients_are_the_test_section(root, tmp_path):
    path = lidc_datalist(root, tmp_path / "list.json", test_patients=("P0", "P2"), num_folds=2)
    testing = load_datalist(path, section="testing", check="none")
    assert [row["subject"] for row in testing] == ["P0_R_1", "P0_R_2", "P2_R_1", "P2_R_2"]
    assert not {"P0", "P2"} & set(folds_of_patients(load_datalist(path, check="none")))
    with pytest.raises(InputError, match="test_patients: found P9, expected values of patient_id"):
        lidc_datalist(root, tmp_path / "list.json", test_patients=("P0", "P9"))


def test_all_bad_lines_and_surplus_files_are_reported_at_once(root, tmp_path):
    (root / "mask" / "P0_R_1.nii.gz").unlink()
    (root / "image" / "P9_R_1.nii.gz").touch()
    table = root / "labels.csv"
    lines = table.read_text().splitlines()
    lines[2] = lines[2].replace("Benign", "Unknown")
    lines[3] = lines[3].replace(",P1,", ",,")
    table.write_text("\n".join([*lines, lines[5]]) + "\n")
    with pytest.raises(InputError) as error:
        lidc_datalist(root, tmp_path / "list.json")
    assert str(error.value).splitlines()[:-1] == [
        f"{root}: 6 problems",
        "  line 2 (nodule P0_R_1): no mask/P0_R_1.nii.gz",
        "  line 3 (nodule P0_R_2): Diagnosis is Unknown, expected Benign or Malign",
        "  line 4 (nodule P1_R_1): patient_id is empty",
        "  line 6 (nodule P2_R_1): its file is in 2 lines",
        "  line 18 (nodule P2_R_1): its file is in 2 lines",
        "  image/P9_R_1.nii.gz: not in labels.csv",
    ]
    path = lidc_datalist(root, tmp_path / "list.json", incomplete="drop", num_folds=2)
    assert len(json.loads(path.read_text())["training"]) == 12


def test_no_patient_of_the_real_cohort_is_in_two_folds(shared_data, tmp_path):
    rows = load_datalist(lidc_datalist(shared_data / "lidc_nodules", tmp_path / "list.json"), check="none")
    assert Counter(row["label"] for row in rows) == {0: 502, 1: 240}
    patients = folds_of_patients(rows)
    assert len(patients) == 413 and all(len(found) == 1 for found in patients.values())
    for fold in range(5):
        share = [row["label"] for row in rows if row["fold"] == fold]
        assert 140 < len(share) < 157 and 0.30 < sum(share) / len(share) < 0.35
