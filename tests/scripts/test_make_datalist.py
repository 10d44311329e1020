from __future__ import annotations

import runpy
import sys
from pathlib import Path

import pytest

from common.data import load_datalist
from common.data.phantoms import BrainPhantoms
from tests.common.data.cohorts.dicom_studies import write_patient
from tests.python_commands import run_python


@pytest.fixture
def run(project, monkeypatch, tmp_path):
    script = str(project / "scripts" / "make_datalist.py")

    def call(*arguments: str) -> None:
        monkeypatch.chdir(tmp_path)
        monkeypatch.setattr(sys, "argv", [script, *arguments])
        runpy.run_path(script, run_name="__main__")

    return call


@pytest.fixture
def brats(tmp_path) -> Path:
    return BrainPhantoms(num_subjects=12, shape=(16, 16, 16), num_folds=2).make(tmp_path / "brats").parent


def test_brats_writes_a_datalist_relative_to_the_working_directory(brats, run, tmp_path, capsys):
    run("brats", "brats", "--output", "list.json", "--num_folds", "2")
    assert capsys.readouterr().out == "datalist: list.json\n"
    assert len(load_datalist(tmp_path / "list.json", check="none")) == 12


def test_a_patient_without_mask_ends_with_its_name_and_exit_code_1(brats, project, tmp_path):
    victim = next((brats / "LGG").iterdir())
    (victim / f"{victim.name}_seg.nii.gz").unlink()
    result = run_python([project / "scripts" / "make_datalist.py", "brats", "brats", "list.json"], tmp_path)
    assert result.returncode == 1
    assert f"patient {victim.name}: no {victim.name}_seg.nii.gz" in result.stderr
    assert "Traceback" not in result.stderr and not (tmp_path / "list.json").exists()


def test_lgg_drops_incomplete_patients_when_asked(shared_data, run, tmp_path):
    run("lgg", str(shared_data / "lgg_96"), "--output", "lgg.json", "--incomplete", "drop")
    assert len(load_datalist(tmp_path / "lgg.json", check="none")) == 62


@pytest.mark.parametrize(("option", "names"), [("t1,t2", ["a", "b"]), ("t2", ["b"])])
def test_a_table_takes_one_or_several_columns_as_modalities(run, tmp_path, option, names):
    lines = ["subject,t1,t2,label"]
    for i in range(4):
        for letter in "ab":
            (tmp_path / f"{letter}{i}.nii.gz").touch()
        lines.append(f"s{i},a{i}.nii.gz,b{i}.nii.gz,{i % 2}")
    (tmp_path / "table.csv").write_text("\n".join(lines) + "\n")
    run("table", "table.csv", "--output", "list.json", "--images", option, "--num_folds", "2")
    image = load_datalist(tmp_path / "list.json", check="none")[0]["image"]
    assert ([image] if isinstance(image, str) else image) == [str(tmp_path / f"{name}0.nii.gz") for name in names]


def test_dicom_takes_rules_labels_and_class_names(run, tmp_path):
    lines = ["subject,label"]
    for i in range(4):
        write_patient(tmp_path / "dicom" / f"p{i}", echoes_together=True)
        lines.append(f"p{i},{'late' if i % 2 else 'early'}")
    (tmp_path / "labels.csv").write_text("\n".join(lines) + "\n")
    (tmp_path / "rules.yaml").write_text("T2: {EchoTime: [60, 120]}\nOUT: {EchoTime: [2, 2.6]}\n")
    options = ["--rules", "rules.yaml", "--labels", "labels.csv", "--class_names", "late,early", "--num_folds", "2"]
    run("dicom", "dicom", "list.json", *options, "--convert")
    rows = load_datalist(tmp_path / "list.json", num_images=2)
    assert [row["label"] for row in rows] == [1, 0, 1, 0]
    assert rows[0]["image"] == [str(tmp_path / "nifti" / "p0" / f"{name}.nii.gz") for name in ("T2", "OUT")]
