from __future__ import annotations

import json
import logging
from pathlib import Path

import nibabel as nib
import numpy as np
import pydicom
import pytest
from monai.transforms import LoadImaged
from pydicom.uid import generate_uid

from common.data import load_datalist
from common.data.cohorts import dicom_datalist
from common.errors import InputError
from common.transforms import CheckedReader, LoadModalitiesd
from tests.common.data.cohorts import dicom_studies as studies
from tests.common.deploy.made_studies import write_dicom, write_segmentation

RULES = """
T1: {SeriesDescription: "(?i)t1", EchoTime: [4, 5]}
T2: {EchoTime: [60, 120]}
OUT: {EchoTime: [2.0, 2.6]}
"""
VALUES = {"T1": 1000, "T2": 2000, "OUT": 3000}


class Cohort:
    """Six patients with labels, which tests modify and read."""

    def __init__(self, folder: Path) -> None:
        self.root, self.rules, self.labels = folder / "dicom", folder / "rules.yaml", folder / "labels.csv"
        self.output = folder / "out" / "list.json"
        self.rules.write_text(RULES)
        lines = ["subject,label,centre", *(f"p{i},{'stage 2' if i % 2 else 'stage 1'},A" for i in range(6))]
        self.labels.write_text("\n".join(lines) + "\n")

    def patients(self, **settings) -> None:
        for i in range(6):
            studies.write_patient(self.root / f"p{i}", **settings)

    def read(self, **settings) -> list[dict]:
        path = dicom_datalist(
            self.root, self.output, self.rules, **({"labels": self.labels, "num_folds": 2} | settings)
        )
        missing = settings.get("missing", "refuse")
        return load_datalist(path, num_images=3, missing=missing)

    def problems(self, **settings) -> list[str]:
        with pytest.raises(InputError) as error:
            self.read(**settings)
        assert not self.output.exists()
        return [line.strip() for line in str(error.value).splitlines()[1:-1]]


@pytest.fixture
def dicom(tmp_path) -> Cohort:
    return Cohort(tmp_path)


def voxels(row: dict) -> dict[str, np.ndarray]:
    image = LoadModalitiesd("image")(row)["image"]
    return dict(zip(VALUES, image.numpy(), strict=True))


def assert_modalities(row: dict, names=tuple(VALUES)) -> None:
    """Each channel shows the series that was written for it, for any axes of the file."""
    for name, image in voxels(row).items():
        expected = studies.expected_voxels(VALUES[name]) if name in names else np.zeros_like(image)
        assert sorted(image.ravel()) == sorted(expected.ravel()), name


def test_segmentations_become_masks_of_training_on_conversion_and_are_refused_without(tmp_path):
    volume = np.arange(6 * 5 * 4).reshape(6, 5, 4)
    mask = (volume % 7 == 0).astype(np.uint8)
    affine = np.array([[0, -1.5, 0, 3], [-1, 0, 0, 4], [0, 0, 2, -5], [0, 0, 0, 1.0]])
    for subject in ("p0", "p1"):
        files = write_dicom(tmp_path / "dicom" / subject / "t1", volume, affine, "T1", generate_uid())
        write_segmentation(tmp_path / f"{subject}.dcm", files, mask)
    (tmp_path / "rules.yaml").write_text("T1: {SeriesDescription: T1}")
    (tmp_path / "labels.csv").write_text("subject,mask\np0,p0.dcm\np1,p1.dcm\n")
    words = [tmp_path / name for name in ("dicom", "list.json", "rules.yaml", "labels.csv")]
    with pytest.raises(InputError, match=r"found a DICOM segmentation \(p0.dcm\).*make_datalist.py dicom --convert"):
        load_datalist(dicom_datalist(*words, num_folds=2))
    row = load_datalist(dicom_datalist(*words, num_folds=2, convert=True))[0]
    row = LoadImaged(("image", "mask"), image_only=True, reader=CheckedReader())(row)
    image, found = row["image"], row["mask"]
    assert ((found > 0) == (image % 7 == 0)).all() and found.max() == 1


def test_series_in_folders_of_their_own_become_rows_of_folders(dicom):
    dicom.patients()
    rows = dicom.read()
    assert [row["subject"] for row in rows] == [f"p{i}" for i in range(6)]
    assert rows[0]["image"] == [str(dicom.root / "p0" / name) for name in ("3_dual", "2", "4_out")]
    assert [row["label"] for row in rows] == [0, 1] * 3 and rows[0]["centre"] == "A"
    assert {row["fold"] for row in rows} == {0, 1}
    content = json.loads(dicom.output.read_text())
    assert content["modality"] == {"0": "T1", "1": "T2", "2": "OUT"}
    assert content["labels"] == {"0": "stage 1", "1": "stage 2"}
    assert_modalities(rows[3])


def test_two_echoes_of_one_series_in_one_folder_need_conversion_and_are_reported_so(dicom):
    dicom.patients(echoes_together=True)
    lines = dicom.problems()
    assert len(lines) == 1 and "(the same in 6 of 6 rows: patient p0, patient p1, " in lines[0]
    assert lines[0].startswith(
        f"patient p0: T1 shares the folder {dicom.root / 'p0' / '3_dual'} with other series; set"
    )
    assert "--convert" in lines[0] and "OUT shares" in lines[0] and "T2" not in lines[0]


def test_two_echoes_of_one_series_are_parted_by_conversion(dicom):
    dicom.patients(echoes_together=True)
    rows = dicom.read(convert=True)
    nifti = dicom.output.parent / "nifti" / "p4"
    assert rows[4]["image"] == [str(nifti / f"{name}.nii.gz") for name in VALUES]
    assert_modalities(rows[4])
    image = nib.load(rows[4]["image"][2])
    assert image.get_data_dtype() == np.int16
    np.testing.assert_allclose(image.header.get_zooms(), (*studies.SPACING[::-1], studies.DISTANCE))
    # From the header: the centre of the first pixel is DICOM's (0, 0, 0), columns go to L, rows to P, slices to S.
    found = nib.as_closest_canonical(image)
    x, y = studies.SPACING[::-1]
    np.testing.assert_allclose(found.affine[:3, 3], (-x * (studies.COLUMNS - 1), -y * (studies.ROWS - 1), 0), atol=1e-5)
    np.testing.assert_array_equal(found.get_fdata(), studies.expected_voxels(3000)[::-1, ::-1])
    assert json.loads(dicom.output.read_text())["training"][0]["image"][0] == "nifti/p0/T1.nii.gz"


def test_conversion_gives_the_voxels_and_geometry_of_the_folders(dicom):
    dicom.patients()
    loader = LoadModalitiesd("image")
    folders, files = loader(dicom.read()[1])["image"], loader(dicom.read(convert=True)[1])["image"]
    np.testing.assert_array_equal(files.numpy(), folders.numpy())
    np.testing.assert_allclose(files.affine, folders.affine, atol=1e-5)


def test_a_second_conversion_does_not_keep_what_the_first_rules_chose(dicom):
    dicom.patients()
    dicom.read(convert=True)
    dicom.rules.write_text(RULES.replace("T1:", "X:").replace("OUT:", "T1:").replace("X:", "OUT:"))
    image = nib.load(dicom.read(convert=True)[0]["image"][2])  # named T1, third in the file
    assert image.get_fdata().min() == 3000


def test_all_doubtful_patients_are_reported_at_once_with_what_was_found(dicom):
    dicom.patients()
    studies.write_series(dicom.root / "p1" / "5", "AX T2 again", 80.0)
    for path in (dicom.root / "p2" / "2").iterdir():
        path.unlink()
    studies.write_series(dicom.root / "p2" / "2", "AX T2", 90.0, count=2)
    studies.write_series(dicom.root / "p2" / "2", "AX T2", 90.0, count=3, uid=last_uid(dicom.root / "p2" / "2"))
    for path in (dicom.root / "p3" / "4_out").iterdir():
        path.unlink()
    (dicom.root / "p9").mkdir()
    lines = dicom.problems()
    assert len(lines) == 4
    assert lines[0].startswith("patient p1: T2 matches 2 series (") and "'AX T2 again'" in lines[0]
    assert "patient p2: T2 (" in lines[1] and "two slices at one position" in lines[1]
    assert lines[2].startswith("patient p3: no series matches OUT (found ") and "'LOCALIZER'" in lines[2]
    assert lines[3].startswith(
        "patient p9: no series matches T1, T2, OUT (found no DICOM images); no line in labels.csv"
    )


def last_uid(folder: Path) -> str:
    return pydicom.dcmread(next(folder.iterdir()), stop_before_pixels=True).SeriesInstanceUID


def test_rules_that_match_the_same_slices_are_reported(dicom):
    dicom.patients()
    dicom.rules.write_text(RULES.replace("OUT: {EchoTime: [2.0, 2.6]}", "OUT: {SeriesDescription: 'T1 in'}"))
    assert "OUT matches slices of series without number 'AX T1 in' that T1 matches too" in dicom.problems()[0]


def test_with_zeros_patients_without_a_modality_stay_with_null(dicom):
    dicom.patients()
    for path in (dicom.root / "p3" / "2").iterdir():
        path.unlink()
    rows = dicom.read(missing="zeros")
    assert len(rows) == 6 and rows[3]["image"][1] is None
    assert_modalities(rows[3], names=("T1", "OUT"))
    converted = dicom.read(missing="zeros", convert=True)
    assert converted[3]["image"][1] is None
    assert_modalities(converted[3], names=("T1", "OUT"))


def test_with_zeros_a_doubtful_series_is_no_missing_one(dicom):
    dicom.patients()
    studies.write_series(dicom.root / "p1" / "5", "AX T2 again", 80.0)
    assert len(dicom.problems(missing="zeros")) == 1


def test_dropped_patients_are_logged(dicom, caplog):
    dicom.patients()
    for path in (dicom.root / "p3" / "2").iterdir():
        path.unlink()
    with caplog.at_level(logging.WARNING):
        rows = dicom.read(incomplete="drop")
    assert [row["subject"] for row in rows] == ["p0", "p1", "p2", "p4", "p5"]
    assert "dropped patient p3: no series matches T2" in caplog.text
    caplog.clear()
    with pytest.raises(
        InputError, match=r"dicom: folds: found 2 subjects with label stage 2, expected at least 3 .*\(--num_folds 2\)"
    ):
        dicom.read(incomplete="drop", num_folds=3)
    assert "dropped patient p3: no series matches T2" in caplog.text


def test_pixels_that_cannot_be_read_are_reported_at_conversion(dicom):
    dicom.patients()
    victim = next((dicom.root / "p2" / "2").iterdir())
    victim.write_bytes(victim.read_bytes()[:-20])
    reason = f"found 40 bytes of pixels in {victim.name}, expected 60 for Rows x Columns x frames"
    assert dicom.problems(convert=True) == [f"patient p2: T2: {reason}"]
    with pytest.raises(InputError, match="found 40 bytes of pixels"):
        dicom.read()  # the datalist is written then, and its check reports it


def test_without_a_table_rows_have_no_label(dicom):
    dicom.patients()
    rows = dicom.read(labels=None)
    assert len(rows) == 6 and all("label" not in row for row in rows)


def test_mask_slice_and_fold_come_from_the_table(dicom):
    dicom.patients()
    shape = studies.expected_voxels().shape
    mask = np.zeros(shape, np.int16)
    mask[2:4, 2:4, 1] = 1
    dicom.read(convert=True)
    affine = nib.load(dicom.output.parent / "nifti" / "p0" / "T1.nii.gz").affine
    nib.save(nib.Nifti1Image(mask, affine), dicom.labels.parent / "mask.nii.gz")
    lines = ["subject,mask,slice,fold", *(f"p{i},mask.nii.gz,{i % 4},{i % 2}" for i in range(6))]
    dicom.labels.write_text("\n".join(lines) + "\n")
    rows = dicom.read(convert=True)
    assert rows[3]["mask"] == str(dicom.labels.parent / "mask.nii.gz")
    assert rows[3]["slice"] == 3 and rows[3]["fold"] == 1


def test_a_subject_with_two_lines_is_reported(dicom):
    dicom.patients()
    dicom.labels.write_text("subject,label\np0,0\np0,1\n")
    with pytest.raises(InputError, match="subject p0: found 2 lines, expected one"):
        dicom.read()


def test_the_real_study_is_distinguished_by_its_headers(shared_data, tmp_path):
    (tmp_path / "rules.yaml").write_text(
        "T1: {SeriesDescription: 'T1post'}\nT2: {EchoTime: [80, 100]}\nFLAIR: {EchoTime: [130, 140]}\n"
    )
    (tmp_path / "labels.csv").write_text("subject,fold\nPGBM-001,0\n")
    path = dicom_datalist(
        shared_data / "pgbm_dicom", tmp_path / "list.json", tmp_path / "rules.yaml", labels=tmp_path / "labels.csv"
    )
    (row,) = load_datalist(path, num_images=3)
    assert [Path(folder).name for folder in row["image"]] == ["T1post", "T2_reg", "FLAIR_reg"]


def test_numbers_that_are_no_indices_of_the_names_are_refused_with_the_option_that_assigns_them(dicom):
    dicom.patients()
    dicom.labels.write_text("subject,label\n" + "".join(f"p{i},{i % 2 + 1}\n" for i in range(6)))
    with pytest.raises(InputError, match=r"label: found 1, 2, expected 0, 1 .*: --class_names 1=low,2=high$"):
        dicom.read(class_names=("low", "high"))
    assert [row["label"] for row in dicom.read(class_names=("1=low", "2=high"))] == [0, 1] * 3
