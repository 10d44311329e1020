from __future__ import annotations

import json
import shutil

from common.data import load_datalist, write_datalist


def test_what_is_written_loads_as_the_same_rows(cohort):
    rows = load_datalist(cohort.save())
    path = write_datalist(cohort.folder / "new.json", rows, labels=("low", "high"), name="n", modality=("T1", "T2"))
    assert load_datalist(path) == rows
    content = json.loads(path.read_text())
    assert content["labels"] == {"0": "low", "1": "high"}
    assert content["modality"] == {"0": "T1", "1": "T2"}


def test_the_folder_can_be_moved_with_its_images(cohort, tmp_path):
    write_datalist(cohort.folder / "new.json", load_datalist(cohort.save()), labels=("low", "high"))
    shutil.move(cohort.folder, tmp_path / "moved")
    rows = load_datalist(tmp_path / "moved" / "new.json")
    assert rows[0]["mask"] == str(tmp_path / "moved" / "s0_seg.nii.gz")


def test_files_elsewhere_keep_their_absolute_path(cohort, tmp_path):
    path = write_datalist(tmp_path / "other" / "new.json", load_datalist(cohort.save()))
    assert json.loads(path.read_text())["training"][0]["mask"] == str(cohort.folder / "s0_seg.nii.gz")


def test_relative_paths_stay_as_they_are(tmp_path):
    path = write_datalist(tmp_path / "new.json", [{"image": ["a/b.nii", "c.nii"], "subject": "s"}])
    assert json.loads(path.read_text())["training"] == [{"image": ["a/b.nii", "c.nii"], "subject": "s"}]
