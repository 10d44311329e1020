from __future__ import annotations

import hashlib
import json
import logging
from collections import Counter
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import StratifiedKFold, cross_val_predict
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from common.data import load_datalist
from common.data.phantoms import LiverPhantoms
from common.errors import InputError

SMALL = {"num_subjects": 16, "sizes": (40, 64), "num_folds": 3}


def digests(folder: Path) -> dict[str, str]:
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return {str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    return LiverPhantoms(**SMALL).make(tmp_path_factory.mktemp("phantoms") / "cohort").parent


def test_every_row_passes_the_full_check(folder):
    content = json.loads((folder / "datalist.json").read_text())
    assert content["labels"] == {"0": "stage 1", "1": "stage 2"}
    assert content["modality"] == {"0": "T1", "1": "T2", "2": "OUT"}
    rows = load_datalist(
        folder / "datalist.json", spatial_dims=2, mask="required", label="required", num_images=3, mask_label=[1, 2]
    )
    # 88 : 50 of 16 by largest remainder
    assert Counter(row["label"] for row in rows) == {0: 10, 1: 6}
    assert {row["fold"] for row in rows} == {0, 1, 2} and len({row["subject"] for row in rows}) == 16


def test_sizes_differ_within_the_range_and_the_spacing_is_true(folder):
    widths = set()
    for row in load_datalist(folder / "datalist.json", check="none"):
        image, mask = nib.load(row["image"][0]), nib.load(row["mask"])
        widths.add(image.shape[0])
        assert len(image.shape) == 2 and image.shape == mask.shape and 0.7 <= image.shape[1] / image.shape[0] <= 0.86
        np.testing.assert_allclose(np.array(image.header.get_zooms()) * image.shape[0], 380, rtol=1e-5)
        np.testing.assert_allclose(image.header["pixdim"][1:3], image.header.get_zooms())
        np.testing.assert_allclose(image.get_qform(), image.get_sform(), atol=5e-3)  # the quaternion is rounded
        assert nib.aff2axcodes(image.affine) == ("L", "P", "S")
        assert image.get_data_dtype() == np.int16 and mask.get_data_dtype() == np.uint8
    assert len(widths) > 5 and min(widths) >= 40 and max(widths) <= 64


def test_volumes_show_the_tumour_in_some_slices_only(tmp_path):
    path = LiverPhantoms(**SMALL | {"num_subjects": 6, "num_folds": 2}, spatial_dims=3).make(tmp_path / "3d")
    rows = load_datalist(path, spatial_dims=3, mask="required", mask_label=2, num_images=3)
    for row in rows:
        image, mask = nib.load(row["image"][2]), nib.load(row["mask"])
        assert image.shape[2] == 16 and abs(image.header.get_zooms()[2] - 8) < 1e-4
        shown = (np.asarray(mask.dataobj) == 2).any((0, 1))
        assert 0 < shown.sum() < 12


def test_files_do_not_depend_on_the_number_of_workers(folder, tmp_path):
    LiverPhantoms(**SMALL).make(tmp_path / "cohort", num_workers=3)
    assert digests(tmp_path / "cohort") == digests(folder)


def test_a_second_run_does_nothing_and_says_so(folder, caplog):
    with caplog.at_level(logging.INFO):
        assert LiverPhantoms(**SMALL).make(folder) == folder / "datalist.json"
    assert "nothing to do" in caplog.text


def test_other_arguments_in_the_same_folder_are_refused(folder):
    with pytest.raises(InputError, match=r"found phantoms with spatial_dims 2 \(now 3\)"):
        LiverPhantoms(**SMALL, spatial_dims=3).make(folder)


def simple_features(row) -> list[float]:
    """Size of the tumour; its mean and spread in each modality, relative to the liver."""
    mask = np.asarray(nib.load(row["mask"]).dataobj)
    features = [np.log((mask == 2).mean())]
    for path in row["image"]:
        image = np.asarray(nib.load(path).dataobj).astype(float) / np.median(
            np.asarray(nib.load(path).dataobj)[mask == 1]
        )
        features += [image[mask == 2].mean(), image[mask == 2].std()]
    return features


@pytest.mark.slow
def test_simple_features_distinguish_the_stages_well_but_not_perfectly(tmp_path):
    path = LiverPhantoms(num_subjects=138).make(tmp_path / "cohort")
    rows = load_datalist(path, check="none")
    assert Counter(row["label"] for row in rows) == {0: 88, 1: 50}  # the paper's
    label = np.array([row["label"] for row in rows])
    model = make_pipeline(StandardScaler(), LogisticRegression(C=0.3, max_iter=2000))
    folds = StratifiedKFold(5, shuffle=True, random_state=0)
    score = cross_val_predict(model, [simple_features(row) for row in rows], label, cv=folds, method="predict_proba")
    assert 0.82 < roc_auc_score(label, score[:, 1]) < 0.95


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"sizes": (260, 160)}, "sizes: found"),
        ({"sizes": 200}, "sizes: found 200, expected two integers from 24"),
        ({"spatial_dims": 4}, "spatial_dims: found 4, expected 2 or 3"),
        ({"num_slices": 1}, "num_slices: found 1"),
        ({"modalities": ("T1", "PD")}, "modalities: found"),
        ({"num_subjects": 8}, "subjects with label 1, expected at least 5"),
        ({"stage_counts": (0, 0)}, "centres: found"),
    ],
)
def test_arguments_that_make_no_sense_are_reported_and_nothing_is_made(tmp_path, arguments, message):
    with pytest.raises(InputError, match=message):
        LiverPhantoms(**arguments).make(tmp_path / "cohort")
    assert not (tmp_path / "cohort").exists()
