from __future__ import annotations

import logging
from collections import Counter

import pytest

from common.data import load_datalist
from common.data.cohorts import lgg_datalist
from common.errors import InputError


@pytest.fixture
def root(cohort):
    """Twelve patients in the layout of lgg_96; the last two are incomplete."""
    lines = ["id,slices,missing_sequences,who_grade"]
    for i in range(12):
        name = f"TCGA_CS_{i:04d}_19970222"
        (cohort.folder / name).mkdir()
        for sequence in ("flair", "t1pre", "t1post"):
            cohort.nifti(f"{name}/{sequence}.nii.gz", cohort.noise(seed=i))
        cohort.nifti(f"{name}/seg.nii.gz", cohort.box())
        lines.append(f"{name},20,,{2 + i % 2}")
    (cohort.folder / "TCGA_CS_0010_19970222" / "t1post.nii.gz").unlink()
    lines[-2] = "TCGA_CS_0010_19970222,20,t1post,2"
    lines[-1] = "TCGA_CS_0011_19970222,20,,"
    (cohort.folder / "labels.csv").write_text("\n".join(lines) + "\n")
    return cohort.folder


def test_incomplete_patients_are_reported_all_at_once(root, tmp_path):
    with pytest.raises(InputError) as error:
        lgg_datalist(root, tmp_path / "lgg.json")
    lines = str(error.value).splitlines()
    assert lines[0] == f"{root}: 2 problems"
    assert lines[1].strip() == "patient TCGA_CS_0010_19970222: no t1post.nii.gz"
    assert lines[2].strip() == "patient TCGA_CS_0011_19970222: who_grade is empty, expected 2 or 3"
    assert "--incomplete drop" in lines[3]
    assert not (tmp_path / "lgg.json").exists()


def test_dropped_patients_are_logged_and_the_others_written(root, tmp_path, caplog):
    with caplog.at_level(logging.INFO):
        path = lgg_datalist(root, tmp_path / "lgg.json", incomplete="drop")
    assert "dropped patient TCGA_CS_0010_19970222: no t1post.nii.gz" in caplog.text
    rows = load_datalist(path, mask="required", label="required", num_images=3)
    assert Counter(row["label"] for row in rows) == {0: 5, 1: 5}
    assert [name.rsplit("/", 1)[1] for name in rows[0]["image"]] == ["flair.nii.gz", "t1pre.nii.gz", "t1post.nii.gz"]
    assert rows[0]["subject"] == "TCGA_CS_0000" and rows[0]["centre"] == "CS"


def test_the_real_cohort_has_62_complete_patients(shared_data, tmp_path):
    with pytest.raises(InputError, match="9 problems"):
        lgg_datalist(shared_data / "lgg_96", tmp_path / "lgg.json")
    rows = load_datalist(lgg_datalist(shared_data / "lgg_96", tmp_path / "lgg.json", incomplete="drop"), check="none")
    assert Counter(row["label"] for row in rows) == {0: 27, 1: 35}
    for fold in range(5):
        assert 0.3 < sum(row["label"] == 0 for row in rows if row["fold"] == fold) / 12 < 0.6


def test_an_unknown_policy_is_reported(root, tmp_path):
    with pytest.raises(InputError, match="incomplete: found 'ignore', expected 'report' or 'drop'"):
        lgg_datalist(root, tmp_path / "lgg.json", incomplete="ignore")


def test_a_missing_table_or_column_is_reported(root, tmp_path):
    (root / "labels.csv").write_text("id,grade\nx,2\n")
    with pytest.raises(InputError, match="found the columns id, grade, expected who_grade, missing_sequences too"):
        lgg_datalist(root, tmp_path / "lgg.json")
    (root / "labels.csv").unlink()
    with pytest.raises(InputError, match=r"labels\.csv: found no such file"):
        lgg_datalist(root, tmp_path / "lgg.json")
