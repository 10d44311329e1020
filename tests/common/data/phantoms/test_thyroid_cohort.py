from __future__ import annotations

import hashlib
import logging
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from scipy.ndimage import label

from common.data import load_datalist
from common.data.phantoms import ThyroidPhantoms
from common.data.phantoms.thyroid_us import FIELD_WIDTH, thyroid_us, ultrasound_of
from common.errors import InputError

SMALL = {"num_subjects": 12, "sizes": (80, 110), "num_folds": 3}


def digests(folder: Path) -> dict[str, str]:
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return {str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    return ThyroidPhantoms(**SMALL).make(tmp_path_factory.mktemp("phantoms") / "cohort").parent


def test_files_lie_as_those_of_the_challenge_and_pass_the_full_check(folder):
    lines = (folder / "train.csv").read_text().splitlines()
    assert lines[0] == "ID,CATE" and len(lines) == 13 and lines[1].startswith("1.PNG,")
    rows = load_datalist(folder / "datalist.json", spatial_dims=2, mask="required", label="required", num_classes=2)
    assert Counter(row["label"] for row in rows) == {0: 6, 1: 6}
    assert Counter((row["fold"], row["label"]) for row in rows) == {(f, c): 2 for f in range(3) for c in range(2)}
    for row in rows:
        image, mask = Image.open(row["image"]), np.asarray(Image.open(row["mask"]))
        assert image.mode == "L" and set(np.unique(mask)) == {0, 255}
        assert 80 <= image.width <= 110 and image.height < image.width and mask.shape == image.size[::-1]


def test_the_number_of_a_file_does_not_reveal_its_class(folder):
    labels = [line[-1] for line in (folder / "train.csv").read_text().splitlines()[1:]]
    assert labels != sorted(labels) and labels != sorted(labels, reverse=True)


def test_the_same_seed_gives_the_same_files_and_another_does_not(folder, tmp_path):
    again = ThyroidPhantoms(**SMALL).make(tmp_path / "again", num_workers=2).parent
    assert digests(again) == digests(folder)
    other = ThyroidPhantoms(**SMALL, seed=1).make(tmp_path / "other").parent
    assert digests(other)["image/1.PNG"] != digests(folder)["image/1.PNG"]


def test_an_interrupted_run_draws_what_is_missing_and_a_third_nothing(folder, tmp_path, caplog):
    path = ThyroidPhantoms(**SMALL).make(tmp_path / "cohort")
    (path.parent / "image" / "3.PNG").unlink()
    path.unlink()
    ThyroidPhantoms(**SMALL).make(path.parent)
    assert digests(path.parent) == digests(folder)
    with caplog.at_level(logging.INFO):
        ThyroidPhantoms(**SMALL).make(path.parent)
    assert "all 12 phantoms exist already; nothing to do" in caplog.text


def test_speckle_is_rayleigh_distributed_before_compression():
    """Its mean is 1.91 times its standard deviation, for any echo."""
    machine = ultrasound_of("A", 0)
    image, mask = thyroid_us((180, 240), False, 0.0, machine, np.random.default_rng(3))
    depth = np.arange(180)[:, None] * FIELD_WIDTH / 240 * np.ones((1, 240))
    muscle = (depth > 29) & (depth < 33) & (mask == 0)
    decibels = (image[muscle] / 255 - machine.gain) * machine.dynamic_range
    envelope = 10 ** (decibels / 20)
    assert 1.7 < envelope.mean() / envelope.std() < 2.1


def test_a_nodule_is_one_piece_whose_size_says_nothing_about_the_class():
    areas = {False: [], True: []}
    for seed in range(24):
        is_malignant = bool(seed % 2)
        _, mask = thyroid_us((96, 128), is_malignant, 3.0, ultrasound_of("B", 0), np.random.default_rng(seed))
        assert mask.dtype == np.uint8 and label(mask)[1] == 1
        areas[is_malignant].append(mask.mean())
    assert all(0.01 < area < 0.25 for area in areas[False] + areas[True])
    assert 0.5 < np.mean(areas[True]) / np.mean(areas[False]) < 2


def test_malignant_nodules_are_darker_and_taller_than_benign_ones():
    contrast, tallness = {False: [], True: []}, {False: [], True: []}
    for seed in range(40):
        kind = bool(seed % 2)
        image, mask = thyroid_us((96, 128), kind, 6.0, ultrasound_of("C", 0), np.random.default_rng(seed))
        rows, columns = np.nonzero(mask)
        contrast[kind].append(np.median(image[mask > 0]) - np.median(image[30:60][mask[30:60] == 0]))
        tallness[kind].append(np.ptp(rows) / np.ptp(columns))
    assert np.mean(contrast[True]) < np.mean(contrast[False]) - 10
    assert np.mean(tallness[True]) > np.mean(tallness[False]) + 0.2


@pytest.mark.parametrize("sizes", [(80,), (60, 90), (90, 80), 80, ("a", "b")])
def test_sizes_that_make_no_sense_are_reported(tmp_path, sizes):
    with pytest.raises(InputError, match=r"sizes: found .*, expected two integers from 64"):
        ThyroidPhantoms(sizes=sizes).make(tmp_path / "cohort")
    assert not (tmp_path / "cohort").exists()


def test_too_few_for_the_folds_and_another_cohort_are_reported(folder, tmp_path):
    with pytest.raises(InputError, match="lower num_folds"):
        ThyroidPhantoms(**SMALL | {"num_subjects": 4}).make(tmp_path / "cohort")
    assert not (tmp_path / "cohort").exists()
    with pytest.raises(InputError, match=r"found phantoms with separation 3.0 \(now 1.0\)"):
        ThyroidPhantoms(**SMALL, separation=1.0).make(folder)
