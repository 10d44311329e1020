from __future__ import annotations

import hashlib
import json
import logging
from collections import Counter
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
from monai.transforms import LoadImage, Orientation
from scipy.ndimage import label

from common.data import load_datalist
from common.data.cohorts.kits import KITS_LABELS, kits_pretraining_path
from common.data.phantoms import KidneyPhantoms
from common.data.phantoms.kidney_ct import KIDNEY, KIDNEY_TUMOUR, kidney_ct
from common.data.phantoms.scanner import scanner_of
from common.errors import InputError

SMALL = {
    "num_subjects": 13,
    "sizes": (40, 48),
    "thickness": (6.0, 8.0),
    "subtype_counts": (6, 2, 2, 2, 1),
    "clear_cell": 2,
    "num_folds": 2,
}


def digests(folder: Path) -> dict[str, str]:
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return {str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    return KidneyPhantoms(**SMALL).make(tmp_path_factory.mktemp("phantoms") / "cohort").parent


def draw(subtype: str, separation: float, seed: int) -> tuple[np.ndarray, np.ndarray]:
    spacing = (5.0, 5.0, 6.0)
    return kidney_ct((68, 50, 28), spacing, subtype, separation, scanner_of("A", 1, 0), np.random.default_rng(seed))


def test_files_lie_as_those_of_kits19_and_pass_the_full_check(folder):
    table = json.loads((folder / "kits.json").read_text())
    assert [entry["case_id"] for entry in table] == [f"case_{i:05d}" for i in range(13)]
    rows = load_datalist(folder / "datalist.json", mask="required", label="required", num_classes=4, mask_label=2)
    rest = load_datalist(kits_pretraining_path(folder / "datalist.json"), mask="required", mask_label=2)
    subtypes = {entry["case_id"]: entry["tumor_histologic_subtype"] for entry in table}
    assert Counter(row["label"] for row in rows) == {0: 2, 1: 2, 2: 2, 3: 2}
    assert all(subtypes[row["subject"]] == KITS_LABELS[row["label"]] for row in rows)
    assert len(rest) == 5 and {row["subject"] for row in rest}.isdisjoint(row["subject"] for row in rows)
    for row in rows:
        image, mask = nib.load(row["image"]), nib.load(row["mask"])
        assert nib.aff2axcodes(image.affine) == ("I", "P", "L") and image.get_data_dtype() == np.int16
        slices, _, width = image.shape
        pixel = 340 / width
        assert 6 <= image.header.get_zooms()[0] <= 8 and abs(slices * image.header.get_zooms()[0] - 168) < 4.5
        assert image.header.get_zooms()[1:] == pytest.approx((pixel, pixel))
        assert set(np.unique(mask.dataobj)) == {0, KIDNEY, KIDNEY_TUMOUR}


@pytest.mark.parametrize("change", [{"num_subjects": 21, "subtype_counts": (143, 21, 19, 10, 17)}, {"clear_cell": 4}])
def test_too_few_of_a_subtype_for_the_folds_are_reported_before_anything_is_drawn(tmp_path, change):
    with pytest.raises(InputError, match=r"expected at least 5 \(num_folds\)"):
        KidneyPhantoms(**change).make(tmp_path / "cohort")
    assert not (tmp_path / "cohort").exists()


def test_the_liver_is_on_the_right_and_the_spine_at_the_back(folder):
    row = load_datalist(folder / "datalist.json", check="none")[0]
    volume = Orientation("RAS", labels=None)(LoadImage(image_only=True, ensure_channel_first=True)(row["image"]))[0]
    width, depth, _ = volume.shape
    upper = volume[:, depth // 2 :, -4:]
    soft = ((upper > 60) & (upper < 160)).sum((1, 2))
    assert soft[width // 2 :].sum() > 1.5 * soft[: width // 2].sum()  # R is the end of the first axis
    bone = (volume > 300).sum((0, 2))
    assert bone[: depth // 2].sum() > 20 * bone[depth // 2 :].sum()


@pytest.mark.parametrize("subtype", KITS_LABELS)
def test_a_tumour_is_one_mass_at_a_kidney_in_soft_tissues_hounsfield_units(subtype):
    for seed in range(3):
        image, mask = draw(subtype, 2.5, seed)
        tumour = mask == KIDNEY_TUMOUR
        assert label(tumour)[1] == 1 and 30 < tumour.sum() < 3000
        assert 0 < np.median(image[tumour]) < 150 < np.median(image[mask == KIDNEY]) + 40
        assert image.min() >= -1024 and np.median(image[:3]) < -900


def test_subtypes_differ_as_in_patients():
    mean, spread = {}, {}
    for subtype in KITS_LABELS:
        cases = [draw(subtype, 4.0, seed) for seed in range(5)]
        inside = [image[mask == KIDNEY_TUMOUR].astype(float) for image, mask in cases]
        mean[subtype], spread[subtype] = np.mean([i.mean() for i in inside]), np.mean([i.std() for i in inside])
    assert mean["papillary"] == min(mean.values())
    assert spread["clear_cell_rcc"] == max(spread.values()) and spread["chromophobe"] < spread["oncocytoma"]


def test_the_same_seed_gives_the_same_files_after_an_interruption_too(folder, tmp_path, caplog):
    path = KidneyPhantoms(**SMALL).make(tmp_path / "cohort", num_workers=2)
    assert digests(path.parent) == digests(folder)
    with caplog.at_level(logging.INFO):
        KidneyPhantoms(**SMALL).make(path.parent)
    assert "nothing to do" in caplog.text


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"sizes": (16, 40)}, "sizes: found .* two integers from 32"),
        ({"sizes": 64}, "sizes: found 64, expected two integers"),
        ({"thickness": (0.1, 4)}, "thickness: found .* expected 0.5 to 12 mm"),
        ({"thickness": 5.0}, "thickness: found 5.0, expected two numbers in mm"),
        (
            {"subtype_counts": (1, 2)},
            "subtype_counts: found .* clear_cell_rcc, papillary, chromophobe, oncocytoma, other",
        ),
        ({"num_subjects": 12}, "found phantoms with num_subjects 13"),
    ],
)
def test_arguments_that_make_no_sense_are_reported(folder, arguments, message):
    with pytest.raises(InputError, match=message):
        KidneyPhantoms(**SMALL | arguments).make(folder)
