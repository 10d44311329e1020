from __future__ import annotations

import hashlib
import json
import logging
from collections import Counter
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest

from common.data import load_datalist
from common.data.phantoms import BrainPhantoms
from common.errors import InputError

SMALL = {"num_subjects": 24, "shape": (16, 18, 20), "spacing": (2.0, 2.5, 3.0), "num_folds": 3}


def digests(folder: Path) -> dict[str, str]:
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return {str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    return BrainPhantoms(**SMALL).make(tmp_path_factory.mktemp("phantoms") / "cohort").parent


def test_every_row_passes_the_full_check(folder):
    rows = load_datalist(
        folder / "datalist.json", mask="required", label="required", num_images=4, mask_label=[1, 2, 4]
    )
    assert len(rows) == 24
    assert len({row["subject"] for row in rows}) == 24


def test_grades_and_centres_are_imbalanced_as_in_table_1_of_the_paper(folder):
    rows = load_datalist(folder / "datalist.json", check="none")
    # 24 / 326 of Table 1 by largest remainder.
    counts = Counter((row["centre"], row["label"]) for row in rows)
    assert counts == {
        ("CBICA", 1): 9,
        ("TCIA", 0): 5,
        ("TCIA", 1): 7,
        ("TMC", 1): 1,
        ("others", 0): 1,
        ("others", 1): 1,
    }


def test_files_hold_integers_with_the_true_spacing(folder):
    rows = load_datalist(folder / "datalist.json", check="none")
    for row in rows[:3]:
        image, mask = nib.load(row["image"][0]), nib.load(row["mask"])
        np.testing.assert_allclose(image.header.get_zooms(), (2.0, 2.5, 3.0), rtol=1e-5)
        assert nib.aff2axcodes(image.affine) == ("L", "P", "S")
        assert image.shape == (16, 18, 20)
        assert image.get_data_dtype() == np.int16 and mask.get_data_dtype() == np.uint8
        np.testing.assert_allclose(image.get_qform(), image.get_sform(), atol=1e-4)


def test_files_do_not_depend_on_the_number_of_workers(folder, tmp_path):
    BrainPhantoms(**SMALL).make(tmp_path / "cohort", num_workers=3)
    assert digests(tmp_path / "cohort") == digests(folder)


def test_a_second_run_does_nothing_and_says_so(folder, caplog):
    times = {path: path.stat().st_mtime_ns for path in folder.rglob("*")}
    with caplog.at_level(logging.INFO):
        assert BrainPhantoms(**SMALL).make(folder) == folder / "datalist.json"
    assert "nothing to do" in caplog.text
    assert {path: path.stat().st_mtime_ns for path in folder.rglob("*")} == times


def test_an_interrupted_run_leaves_no_half_subject_and_goes_on(folder, tmp_path, monkeypatch):
    calls = []

    def failing_save(image, path):
        calls.append(path)
        if len(calls) == 12:  # in the middle of the third subject
            raise KeyboardInterrupt
        nib.Nifti1Image.to_filename(image, path)

    monkeypatch.setattr(nib, "save", failing_save)
    with pytest.raises(KeyboardInterrupt):
        BrainPhantoms(**SMALL).make(tmp_path / "cohort", num_workers=1)
    monkeypatch.undo()
    subjects = [path for path in (tmp_path / "cohort").glob("?GG/*") if not path.name.startswith(".")]
    assert len(subjects) == 2 and all(len(list(path.iterdir())) == 5 for path in subjects)
    assert not (tmp_path / "cohort" / "datalist.json").exists()
    BrainPhantoms(**SMALL).make(tmp_path / "cohort")
    assert digests(tmp_path / "cohort") == digests(folder)


def test_other_arguments_in_the_same_folder_are_refused(folder):
    with pytest.raises(InputError, match=r"found phantoms with seed 0 \(now 1\)"):
        BrainPhantoms(**SMALL, seed=1).make(folder)


def test_a_datalist_of_someone_else_is_not_overwritten(tmp_path):
    (tmp_path / "datalist.json").write_text("{}")
    with pytest.raises(InputError, match="found another datalist"):
        BrainPhantoms(**SMALL).make(tmp_path)
    assert (tmp_path / "datalist.json").read_text() == "{}"


def test_fewer_modalities_come_in_the_order_asked(tmp_path):
    path = BrainPhantoms(**SMALL | {"num_subjects": 12, "num_folds": 2}, modalities=("T2", "T1")).make(tmp_path / "two")
    assert json.loads(path.read_text())["modality"] == {"0": "T2", "1": "T1"}
    assert [Path(name).name.split("_")[-1] for name in load_datalist(path)[0]["image"]] == ["t2.nii.gz", "t1.nii.gz"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"shape": (64, 64)}, "shape: found"),
        ({"shape": (8, 64, 64)}, "shape: found"),
        ({"shape": 64}, "shape: found 64"),
        ({"spacing": (1, 0, 1)}, "spacing: found"),
        ({"modalities": ("FLAIR", "PD")}, "modalities: found"),
        ({"modalities": ()}, "modalities: found"),
        ({"num_subjects": 8}, "subjects with label 0, expected at least 5"),
        ({"centres": {"A": (0, 0)}}, "centres: found"),
    ],
)
def test_arguments_that_make_no_sense_are_reported_and_nothing_is_made(tmp_path, arguments, message):
    with pytest.raises(InputError, match=message):
        BrainPhantoms(**arguments).make(tmp_path / "cohort")
    assert not (tmp_path / "cohort").exists()
