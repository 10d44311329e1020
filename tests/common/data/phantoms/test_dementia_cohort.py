from __future__ import annotations

import hashlib
import json
from collections import defaultdict
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import GroupKFold, cross_val_predict
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from common.data import load_datalist
from common.data.cohorts import bids_datalist
from common.data.phantoms import DementiaPhantoms
from common.errors import InputError

SMALL = {"num_subjects": 10, "shape": (16, 18, 20), "num_folds": 2}


def digests(folder: Path) -> dict[str, str]:
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return {str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    return DementiaPhantoms(**SMALL).make(tmp_path_factory.mktemp("phantoms") / "cohort", num_workers=1).parent


def test_visits_are_rows_with_age_and_diagnosis_and_people_are_in_one_fold(folder):
    rows = load_datalist(folder / "datalist.json", label="required", num_images=1)
    visits = defaultdict(list)
    for row in rows:
        visits[row["subject"]].append(row)
        assert nib.load(row["image"]).shape == (16, 18, 20) and 45 < row["age"] < 100
    assert len(visits) == 10 and {len(found) for found in visits.values()} > {1, 3}
    for found in visits.values():
        ages = [row["age"] for row in found]
        assert ages == sorted(ages) and len({(row["fold"], row["label"], row["sex"]) for row in found}) == 1
    assert sum(found[0]["label"] for found in visits.values()) == 5


def test_the_folder_is_bids_that_the_reader_of_any_bids_folder_reads(folder, tmp_path):
    assert json.loads((folder / "dataset_description.json").read_text())["BIDSVersion"]
    settings = {"label": "diagnosis", "class_names": ("CN", "AD"), "columns": ("sex", "site"), "num_folds": 2}
    read = load_datalist(bids_datalist(folder, tmp_path / "list.json", **settings), check="none")
    assert read == load_datalist(folder / "datalist.json", check="none")


def test_a_second_run_does_nothing_and_an_interrupted_one_goes_on_to_the_same_files(folder, tmp_path):
    before = digests(folder)
    stamps = {path: path.stat().st_mtime_ns for path in folder.rglob("*")}
    assert DementiaPhantoms(**SMALL).make(folder) == folder / "datalist.json"
    assert {path: path.stat().st_mtime_ns for path in folder.rglob("*")} == stamps
    other = DementiaPhantoms(**SMALL).make(tmp_path / "cohort", num_workers=2).parent
    assert digests(other) == before
    for visit in list(other.rglob("anat"))[::2]:
        for file in visit.iterdir():
            file.unlink()
        visit.rmdir()
    (other / "datalist.json").unlink()
    DementiaPhantoms(**SMALL).make(other)
    assert digests(other) == before


@pytest.mark.slow
def test_simple_features_distinguish_the_diagnoses_well_but_not_perfectly(tmp_path):
    path = DementiaPhantoms(num_subjects=100, visits=1, shape=(40, 40, 40)).make(tmp_path / "cohort")
    rows = load_datalist(path, check="none")
    features = []
    for row in rows:
        image = nib.as_closest_canonical(nib.load(row["image"])).get_fdata()
        image /= np.median(image[image > 0])
        fluid = (image > 0) & (image < 0.55)
        temporal = [fluid[side, 13:24, 12:21].mean() for side in (slice(10, 18), slice(22, 30))]
        features.append([fluid[12:28, 10:30, 18:28].mean(), fluid.mean() / (image > 0).mean(), *temporal, row["age"]])
    label = np.array([row["label"] for row in rows])
    model = make_pipeline(StandardScaler(), LogisticRegression())
    scores = cross_val_predict(model, features, label, cv=GroupKFold(5), groups=range(100), method="predict_proba")
    assert 0.75 < roc_auc_score(label, scores[:, 1]) < 0.97


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"visits": 0}, "visits: found 0, expected an integer from 1"),
        ({"shape": (8, 8, 8)}, "shape: found"),
        ({"num_subjects": 3}, "expected at least 2"),
        ({"diagnosis_counts": (0, 0)}, "centres: found"),
    ],
)
def test_arguments_that_make_no_sense_are_reported_and_nothing_is_made(tmp_path, arguments, message):
    with pytest.raises(InputError, match=message):
        DementiaPhantoms(**SMALL | arguments).make(tmp_path / "cohort")
    assert not (tmp_path / "cohort").exists()
