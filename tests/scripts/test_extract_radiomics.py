from __future__ import annotations

import json
import runpy
import sys

import nibabel
import numpy as np
import pytest
import SimpleITK as sitk

from common.command_line import run_commands
from common.errors import InputError
from common.feature_table import feature_columns, read_table
from scripts import extract_radiomics
from tests.python_commands import run_python

pytest.importorskip("radiomics")


@pytest.fixture
def cohort(tmp_path):
    """Two subjects with two modalities each, and one whose mask is empty."""
    mask = np.zeros((12, 12, 12), dtype=np.uint8)
    mask[3:8, 3:9, 4:9] = 1
    rows = []
    for index in range(3):
        rng = np.random.default_rng(index)
        images = [f"{index}_{modality}.nii.gz" for modality in ("flair", "t1")]
        for name in images:
            image = rng.normal(300, 60, mask.shape).astype(np.float32)
            nibabel.save(nibabel.Nifti1Image(image, np.eye(4)), tmp_path / name)
        nibabel.save(nibabel.Nifti1Image(mask * (index < 2), np.eye(4)), tmp_path / f"{index}_mask.nii.gz")
        subject = {"subject": f"0{index}", "fold": index % 2, "label": index % 2}
        rows.append({"image": images, "mask": f"{index}_mask.nii.gz", **subject})
    content = {"modality": {"0": "FLAIR", "1": "T1"}, "training": rows}
    (tmp_path / "datalist.json").write_text(json.dumps(content), encoding="utf-8")
    return tmp_path


def test_a_cohort_is_measured_from_any_folder_and_bad_cases_are_listed(project, cohort, monkeypatch, capsys, caplog):
    script = str(project / "scripts" / "extract_radiomics.py")
    monkeypatch.chdir(cohort)
    monkeypatch.setattr(
        sys, "argv", [script, "datalist.json", "out/features.csv", "--num_workers", "1", "--modality", "all"]
    )
    runpy.run_path(script, run_name="__main__")
    assert capsys.readouterr().out == "features of 2 of 3 subjects: out/features.csv\n"
    assert "02: FLAIR: " in caplog.text and "2_mask.nii.gz: empty" in caplog.text
    table = read_table(cohort / "out" / "features.csv")
    assert table["subject"].tolist() == ["00", "01", "02"]
    assert len(feature_columns(table)) == 14 + 2 * 93
    assert len(list((cohort / "out" / "radiomics_cache").iterdir())) == 4


def run(project, folder, monkeypatch, *words: str) -> None:
    script = str(project / "scripts" / "extract_radiomics.py")
    monkeypatch.chdir(folder)
    monkeypatch.setattr(sys, "argv", [script, *words, "--num_workers", "1"])
    runpy.run_path(script, run_name="__main__")


def test_pairs_of_a_csv_in_any_format_become_one_parquet_table(project, cohort, monkeypatch, capsys):
    pytest.importorskip("pyarrow")
    for name in ("1_t1", "1_mask"):
        sitk.WriteImage(sitk.ReadImage(cohort / f"{name}.nii.gz"), cohort / f"{name}.nrrd")
    pairs = "subject,image,mask\nnifti,1_t1.nii.gz,1_mask.nii.gz\nnrrd,1_t1.nrrd,1_mask.nrrd\n"
    (cohort / "pairs.csv").write_text(pairs, encoding="utf-8")
    run(project, cohort, monkeypatch, "pairs.csv", "features.parquet")
    assert capsys.readouterr().out == "features of 2 of 2 subjects: features.parquet\n"
    table = read_table(cohort / "features.parquet").set_index("subject")
    assert table["status"].tolist() == ["ok", "ok"]
    assert table.loc["nifti", "original_glcm_MCC"] == pytest.approx(table.loc["nrrd", "original_glcm_MCC"], rel=1e-9)


def test_png_pictures_of_a_parameter_file_are_measured_in_2d(project, shared_data, tmp_path, monkeypatch):
    folder = shared_data / "busi_256"
    lines = [f"{folder}/images/{name}.png,{folder}/masks/{name}.png" for name in ("benign_002", "malignant_069")]
    (tmp_path / "pairs.csv").write_text("\n".join(["image,mask", *lines]), encoding="utf-8")
    (tmp_path / "parameters.yaml").write_text(
        "setting: {binWidth: 20}\nimageType: {Original: {}, Gradient: {}}\nfeatureClass: {shape: , firstorder: }\n",
        encoding="utf-8",
    )
    run(project, tmp_path, monkeypatch, "pairs.csv", "features.csv", "--settings", "parameters.yaml")
    table = read_table(tmp_path / "features.csv")
    assert len(feature_columns(table)) == 9 + 2 * 18 and (table["status"] == "ok").all()


def test_a_dicom_series_with_its_segmentation_is_measured(project, shared_data, tmp_path, monkeypatch):
    pytest.importorskip("highdicom")
    folder = shared_data / "awkward" / "dcmqi_ct_seg" / "23x38x3"
    (tmp_path / "pairs.csv").write_text(f"image,mask\n{folder}/image,{folder}/seg/label.seg\n", encoding="utf-8")
    (tmp_path / "parameters.yaml").write_text("setting: {binWidth: 0.5}", encoding="utf-8")
    run(project, tmp_path, monkeypatch, "pairs.csv", "features.csv", "--settings", "parameters.yaml")
    table = read_table(tmp_path / "features.csv")
    voxel = np.prod(sitk.ReadImage(folder / "nrrd" / "label.nrrd").GetSpacing())
    assert table.loc[0, "status"] == "ok"
    assert table.loc[0, "original_shape_VoxelVolume"] == pytest.approx(322 * voxel, rel=1e-5)


def test_bad_settings_end_with_one_line_and_exit_code_1(project, cohort):
    (cohort / "parameters.yaml").write_text("setting: {binWidht: 5}", encoding="utf-8")
    script = project / "scripts" / "extract_radiomics.py"
    found = run_python([script, "datalist.json", "out/features.csv", "--settings", "parameters.yaml"], cohort)
    assert found.returncode == 1
    assert found.stderr.startswith("error: parameters.yaml: ") and found.stderr.count("\n") == 1
    assert not (cohort / "out").exists()


def test_a_table_of_another_format_is_refused(tmp_path):
    with pytest.raises(InputError, match=r"table\.xlsx: a name that ends in '\.xlsx'; expected \.csv or \.parquet"):
        extract_radiomics.extract_radiomics(tmp_path / "datalist.json", str(tmp_path / "table.xlsx"))


@pytest.mark.parametrize(("name", "found"), [("folder", "a folder"), ("file/table.csv", "is no folder that can be")])
def test_a_table_that_cannot_be_written_is_refused_before_the_measuring(name, found, tmp_path):
    (tmp_path / "folder").mkdir()
    (tmp_path / "file").touch()
    with pytest.raises(InputError, match=f"{name}: .*({found}).*; expected a table to write.*; set --output"):
        run_commands(extract_radiomics.extract_radiomics, ["pairs.csv", "--output", str(tmp_path / name)])
