from __future__ import annotations

import csv
import json
import re
import stat
from pathlib import Path

import numpy as np
import pydicom
import pytest
from pydicom.uid import generate_uid

from common.data.cohorts import dicom_datalist
from common.data.datalist import load_datalist
from common.errors import InputError
from common.images.deidentification import Deidentifier
from common.images.read import read_image
from tests.common.deploy.made_studies import write_dicom

pytest.importorskip("dicomanonymizer")
pytest.importorskip("deid")


@pytest.fixture
def cohort(tmp_path):
    """Two patients with two series each and a mask, and a table of labels."""
    volume = np.arange(4 * 5 * 3).reshape(4, 5, 3)
    for name in ("doe_jane", "roe_richard"):
        study = generate_uid()[:50].rstrip(".")
        for description in ("T1", "T2", "mask"):
            write_dicom(tmp_path / f"in/{name}/{description}", volume % 2, np.eye(4), f"AX {description}", study)
    rows = ["subject,label,mask,fold", "doe_jane,a,in/doe_jane/mask,0", "roe_richard,b,in/roe_richard/mask,1"]
    (tmp_path / "labels.csv").write_text("\n".join(rows))
    (tmp_path / "rules.yaml").write_text("T1: {SeriesDescription: T1}\nT2: {SeriesDescription: T2}\n")
    return tmp_path


def make(cohort, output="out", **options):
    options = {"labels": cohort / "labels.csv", "deidentify": True} | options
    return dicom_datalist(cohort / "in", cohort / output / "datalist.json", cohort / "rules.yaml", **options)


@pytest.mark.parametrize("convert", [False, True])
def test_a_cohort_without_names_loads_and_the_key_stays_with_the_originals(cohort, convert):
    rows = load_datalist(make(cohort, convert=convert), num_images=2)
    with open(cohort / "in/pseudonyms.csv", newline="") as file:
        known = {line["pseudonym"]: line["subject"] for line in csv.DictReader(file)}
    assert sorted(known.values()) == ["doe_jane", "roe_richard"]
    assert {known[row["subject"]]: row["label"] for row in rows} == {"doe_jane": 0, "roe_richard": 1}
    for path in (cohort / "in/deidentify.key", cohort / "in/pseudonyms.csv"):
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
    for path in (cohort / "out").rglob("*"):
        if path.is_file():
            content = path.read_bytes().lower()
            assert not any(text in content for text in (b"doe", b"jane", b"roe", b"richard")), path
    report = json.loads((cohort / "out/deidentified/report.json").read_text())
    assert report["subjects"] == 2 and report["images"] == 12 and "113100" in report["profile"][0]


def test_a_later_run_with_the_same_secret_has_the_same_pseudonyms(cohort):
    first, second = (json.loads(make(cohort, output).read_text()) for output in ("one", "two"))
    assert [row["subject"] for row in first["training"]] == [row["subject"] for row in second["training"]]
    assert all(re.fullmatch("P[0-9A-F]{16}", row["subject"]) for row in first["training"])
    other = json.loads(make(cohort, "three", secret=cohort / "other/key").read_text())
    assert {row["subject"] for row in other["training"]}.isdisjoint(row["subject"] for row in first["training"])
    assert (cohort / "other/pseudonyms.csv").is_file()


@pytest.mark.parametrize("earlier", [False, True])
def test_two_subjects_of_one_pseudonym_are_refused_before_anything_is_copied(earlier, cohort, monkeypatch):
    if earlier:
        (cohort / "in/pseudonyms.csv").write_text("subject,pseudonym\nmiller_max,P0\n")
    monkeypatch.setattr(Deidentifier, "pseudonym", lambda self, patient: "P0")
    with pytest.raises(
        InputError, match=r"doe_jane and (miller_max and )?roe_richard: found one pseudonym, P0; expected one each"
    ):
        make(cohort)
    assert not (cohort / "out").exists()


def test_too_few_subjects_for_the_folds_are_refused_before_anything_is_copied(cohort):
    table = (cohort / "labels.csv").read_text().replace(",fold", "").replace("mask,0", "mask").replace("mask,1", "mask")
    (cohort / "labels.csv").write_text(table)
    with pytest.raises(InputError, match="expected at least 5"):
        make(cohort)
    assert not (cohort / "out").exists() and not (cohort / "in/deidentify.key").exists()


def test_copies_of_an_earlier_run_are_not_mixed_with_those_of_this_one(cohort):
    rows = load_datalist(make(cohort), num_images=2)
    next((cohort / "in/doe_jane/T1").glob("*"), None).unlink()
    assert make(cohort).is_file()
    numbers = sorted(len(list(folder.iterdir())) for row in rows for folder in map(Path, row["image"]))
    assert numbers == [2, 3, 3, 3]


def test_a_secret_that_is_too_short_is_refused(cohort):
    (cohort / "key").write_text("short")
    with pytest.raises(InputError, match="found 5 characters, expected a secret of at least 32"):
        make(cohort, secret=cohort / "key")


def test_series_of_the_real_study_keep_their_geometry(shared_data, tmp_path):
    (tmp_path / "rules.yaml").write_text("FLAIR: {SeriesDescription: '(?i)flair'}\n")
    output = tmp_path / "out/datalist.json"
    source = next((shared_data / "pgbm_dicom").rglob("FLAIR_reg"))
    (tmp_path / "in").mkdir()
    (tmp_path / "in/PGBM-001").symlink_to(source)
    (tmp_path / "labels.csv").write_text("subject,fold\nPGBM-001,0\n")
    options = {"labels": tmp_path / "labels.csv", "deidentify": True, "secret": tmp_path / "key"}
    dicom_datalist(tmp_path / "in", output, tmp_path / "rules.yaml", **options)
    (row,) = json.loads(output.read_text())["training"]
    new = read_image(output.parent / row["image"])
    old = read_image(source)
    assert np.array_equal(new.voxels, old.voxels) and np.array_equal(new.affine, old.affine)
    assert "PGBM" not in pydicom.dcmread(next((output.parent / row["image"]).iterdir())).PatientID
