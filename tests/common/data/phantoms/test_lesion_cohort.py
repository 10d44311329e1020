from __future__ import annotations

import hashlib
import json
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
from scipy import ndimage

from common.data import load_datalist
from common.data.phantoms import LesionPhantoms
from common.data.phantoms.brain import CSF, WHITE, brain_tissue
from common.data.phantoms.fields import unit_grid
from common.data.phantoms.ms_lesions import lesion_mask
from common.errors import InputError

SMALL = {"num_subjects": 5, "shape": (32, 36, 32), "num_folds": 5}


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    return LesionPhantoms(**SMALL).make(tmp_path_factory.mktemp("phantoms") / "cohort", num_workers=1).parent


def test_every_row_passes_the_full_check_with_its_mask_as_label(folder):
    rows = load_datalist(folder / "datalist.json", label="mask", modalities=["T1", "T2", "FLAIR"])
    assert len(rows) == 5 and {row["fold"] for row in rows} == {0, 1, 2, 3, 4}
    assert json.loads((folder / "datalist.json").read_text())["labels"] == {"0": "background", "1": "lesion"}
    for row in rows:
        mask = np.asarray(nib.load(row["label"]).dataobj)
        assert mask.dtype == np.uint8 and set(np.unique(mask)) == {0, 1} and mask.mean() < 0.03


def test_lesions_are_bright_on_flair_and_dark_on_t1(folder):
    for row in load_datalist(folder / "datalist.json", label="mask", check="none"):
        mask = np.asarray(nib.load(row["label"]).dataobj) > 0
        t1, _, flair = (np.asarray(nib.load(path).dataobj).astype(float) for path in row["image"])
        around = ndimage.binary_dilation(mask, iterations=3) & ~ndimage.binary_dilation(mask) & (t1 > 0)
        assert flair[mask].mean() > 1.15 * flair[around].mean() and t1[mask].mean() < t1[around].mean()


def test_lesions_are_many_and_small_and_keep_out_of_the_fluid():
    counts = []
    for seed in range(6):
        rng = np.random.default_rng(seed)
        points = unit_grid((48, 48, 48))
        tissue = brain_tissue(points, rng)
        mask = lesion_mask(points, tissue, 20, rng)
        _, count = ndimage.label(mask)
        counts.append(count)
        assert not mask[tissue == CSF].any() and (tissue[mask > 0] == WHITE).mean() > 0.5
    assert np.mean(counts) > 5 and min(counts) >= 1


def test_the_same_arguments_give_the_same_files_whatever_the_number_of_workers(folder, tmp_path):
    other = LesionPhantoms(**SMALL).make(tmp_path / "cohort", num_workers=2).parent
    for file in sorted(path for path in folder.rglob("*") if path.is_file()):
        same = other / file.relative_to(folder)
        assert hashlib.sha256(same.read_bytes()).digest() == hashlib.sha256(file.read_bytes()).digest()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"modalities": ("PD",)}, "modalities: found"),
        ({"mean_lesions": 0}, "mean_lesions: found 0, expected a number from 1"),
        ({"num_subjects": 4}, "expected at least 5"),
    ],
)
def test_arguments_that_make_no_sense_are_reported_and_nothing_is_made(tmp_path, arguments, message):
    with pytest.raises(InputError, match=message):
        LesionPhantoms(**SMALL | arguments).make(tmp_path / "cohort")
    assert not (tmp_path / "cohort").exists()
