from __future__ import annotations

import json
import subprocess
import sys
import zipfile

import pytest
import torch

from common.doctor import examine_installation, examine_weights
from common.doctor.examine import dumps, examine
from common.doctor.findings import Findings
from common.errors import InputError
from common.training_record import with_training_record

RECORD = {
    "bundle": "siam3d_imbalance",
    "config": "train",
    "settings": {},
    "options": {"box_size": [32, 32, 32]},
    "classes": ["low", "high"],
    "modalities": ["t1"],
    "fold": 2,
    "subjects": {"training": ["a", "b"], "validation": ["c"]},
    "versions": {"torch": "1.0"},
}


def lines(findings: Findings) -> str:
    return "\n".join(findings.lines())


def test_weights_say_what_they_are_and_on_what_they_were_trained(tmp_path):
    path = tmp_path / "model.pt"
    torch.save(with_training_record(torch.nn.Linear(3, 2).state_dict(), RECORD), path)
    text = lines(examine(str(path)))
    for part in (
        "weights: 2 tensors",
        "siam3d_imbalance, train.yaml, fold 2 held out",
        "trained on 2 subjects, 1 to choose the epoch",
        "classes: low, high",
        "box_size [32, 32, 32]",
        "torch 1.0 at the training",
    ):
        assert part in text
    assert text.endswith("0 errors, 1 warning")


def test_weights_with_nan_without_a_record_or_unreadable_are_found(tmp_path):
    path = tmp_path / "model.pt"
    torch.save({"weight": torch.tensor([1.0, float("nan")])}, path)
    findings = examine_weights(path)
    assert [each.place for each in findings.found if each.level != "note"] == ["weights", "record"]
    path.write_bytes(b"no checkpoint")
    assert examine_weights(path).count("error") == 1


def test_a_zip_that_is_no_archive_is_an_error_with_a_remedy(tmp_path):
    path = tmp_path / "model.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("model/configs/metadata.json", "{}")
    (error,) = (each for each in examine(str(path)).found if each.level == "error")
    assert error.place == "archive" and error.remedy


def test_the_installation_is_examined_and_lacks_nothing_that_is_required(project):
    findings = examine_installation()
    notes = {each.place for each in findings.found}
    assert {"Python", "packages", "siam3d_imbalance"} <= notes
    assert not [each for each in findings.found if each.place == "packages" and each.level == "error"]


def test_a_missing_and_an_old_package_are_errors(monkeypatch):
    from common.doctor import installation_findings as module

    wanted = ["no-such-package>=1", "numpy>=99", "numpy>=1", "no-such-package>=1; python_version < '3'"]
    monkeypatch.setattr(module, "_requirements", lambda: (wanted, {}))
    findings = Findings("installation")
    module._packages(findings)
    errors = [each.text for each in findings.found if each.level == "error"]
    assert errors[0] == "no-such-package is missing, expected >=1" and errors[1].startswith("numpy ")
    assert len(errors) == 2


def test_findings_are_sorted_by_severity_and_are_json():
    findings = Findings("thing")
    findings.note("a", "fine")
    findings.error("b", "broken", "repair it")
    findings.warning("c", "odd", "look")
    assert [line.split()[0] for line in list(findings.lines())[1:4]] == ["ERROR", "WARNING", "note"]
    (read,) = json.loads(dumps([findings]))
    assert (read["errors"], read["warnings"]) == (1, 1)
    assert read["findings"][1] == {"level": "error", "place": "b", "text": "broken", "remedy": "repair it"}


def test_what_does_not_exist_is_one_line(tmp_path):
    with pytest.raises(InputError, match="no such file, folder or bundle"):
        examine(str(tmp_path / "none.json"))
    (tmp_path / "t.csv").touch()
    with pytest.raises(
        InputError, match=r"found a table, expected a datalist .* table .*t.csv datalist.json, then this"
    ):
        examine(str(tmp_path / "t.csv"))
    with pytest.raises(InputError, match="a folder without configs or manifest"):
        examine(str(tmp_path))
    (tmp_path / "datalist.json").write_text("{}")
    with pytest.raises(InputError, match=r"; run .*doctor.* .*datalist\.json"):
        examine(str(tmp_path))


@pytest.mark.parametrize(("content", "code"), [("{", 1), ('{"training": [{"subject": "a", "image": "a.png"}]}', 1)])
def test_the_exit_code_tells_scripts_of_errors(project, tmp_path, content, code):
    path = tmp_path / "datalist.json"
    path.write_text(content)
    words = [sys.executable, project / "scripts" / "doctor.py", str(path), "--json"]
    done = subprocess.run(words, capture_output=True, text=True, cwd=tmp_path)
    assert done.returncode == code and json.loads(done.stdout)[0]["errors"] >= 1
