from __future__ import annotations

import pytest

from common.data import load_datalist
from common.data.cohorts import nsclc_datalist
from common.data.cohorts.nsclc import CLINICAL_FILE
from common.data.phantoms import LungPhantoms
from common.errors import InputError


@pytest.fixture
def root(tmp_path):
    return LungPhantoms(num_subjects=18, shape=(16, 16, 16), num_folds=2).make(tmp_path / "lung").parent


def test_the_phantoms_layout_gives_back_their_datalist(root):
    path = nsclc_datalist(root, root / "read.json", num_folds=2)
    keys = ("image", "mask", "label", "subject", "fold")
    read, expected = (load_datalist(p, num_classes=3) for p in (path, root / "datalist.json"))
    assert [[row[key] for key in keys] for row in read] == [[row[key] for key in keys] for row in expected]


def test_stages_iiia_and_iiib_are_stage_iii_and_a_patient_without_stage_is_reported_or_dropped(root):
    table = root / CLINICAL_FILE
    lines = table.read_text().splitlines()
    third = [i for i, line in enumerate(lines) if line.endswith(",IIIa")]
    assert third, lines
    lines[third[0]] = lines[third[0]].replace("IIIa", "IIIb")
    lines[third[1]] = lines[third[1]].replace("IIIa", "NA")
    table.write_text("\n".join(lines) + "\n")
    with pytest.raises(InputError, match=r"1 problem\n.*Overall.Stage is empty, expected one of I, II, IIIa, IIIb"):
        nsclc_datalist(root, root / "read.json", num_folds=2)
    rows = load_datalist(nsclc_datalist(root, root / "read.json", incomplete="drop", num_folds=2))
    labels = {row["subject"]: row["label"] for row in rows}
    assert len(labels) == 17
    assert labels[lines[third[0]].split(",")[0]] == 2


def test_other_file_names_can_be_given(root):
    for folder in root.glob("PHANTOM1-*"):
        (folder / "image.nii.gz").rename(folder / "ct.nii.gz")
    with pytest.raises(InputError, match="the same in 18 of 18 rows"):
        nsclc_datalist(root, root / "read.json", num_folds=2)
    assert len(load_datalist(nsclc_datalist(root, root / "read.json", image="ct.nii.gz", num_folds=2))) == 18
