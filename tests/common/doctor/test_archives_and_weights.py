"""Archives and files of weights: what the doctor says of them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from monai.data import save_net_with_metadata

from common.deploy.verification.archive import write_archive
from common.deploy.verification.manifest import write_manifest
from common.doctor import examine_weights
from common.doctor.examine import examine
from common.training_record import with_training_record

METADATA = {
    "name": "3DSiam",
    "version": "0.2.0",
    "intended_use": "research " * 40,
    "eval_metrics": {"auc": 0.91251, "held_out_subjects": 12},
}


def write(folder: Path, files: dict[str, str]) -> Path:
    """An archive with these files and their manifest."""
    root = folder / "archive"
    for name, text in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)
    write_manifest(root)
    return write_archive(root, folder / "archive.zip")


def texts(path: Path) -> dict[str, list[str]]:
    """Findings by their level, as lines."""
    found: dict[str, list[str]] = {"error": [], "warning": [], "note": []}
    for each in examine(str(path)).found:
        found[each.level].append(f"{each.place}: {each.text}")
        assert bool(each.remedy) == (each.level != "note")
    return found


def test_an_unchanged_archive_without_code_says_what_it_is(tmp_path):
    path = write(tmp_path, {"configs/metadata.json": json.dumps(METADATA), "LICENSE": "Apache"})
    for place in (path, tmp_path / "archive"):
        found = texts(place)
        assert found["error"] == found["warning"] == []
        assert found["note"][:3] == [
            "manifest: 2 files, all as listed",
            "signature: none",
            "scan: no code: no Python, no pickles, no expressions beyond the allow-list",
        ]
        assert "scores: auc 0.913" in found["note"] and "name: 3DSiam" in found["note"]
        (use,) = (line for line in found["note"] if line.startswith("intended use: "))
        assert use.endswith("...") and len(use) == len("intended use: ") + 160


def test_an_archive_without_scores_says_so(tmp_path):
    path = write(tmp_path, {"configs/metadata.json": json.dumps({**METADATA, "eval_metrics": {}})})
    assert "scores: none recorded" in texts(path)["note"]


def test_an_archive_with_code_or_without_metadata_is_a_warning(tmp_path):
    found = texts(write(tmp_path, {"scripts/run.py": "print(1)"}))
    assert found["error"] == []
    assert [line.split(":")[0] for line in found["warning"]] == ["scan", "metadata.json"]
    assert "run.py" in found["warning"][0]


def test_an_archive_that_was_changed_is_an_error(tmp_path):
    write(tmp_path, {"configs/metadata.json": json.dumps(METADATA)})
    (tmp_path / "archive/configs/metadata.json").write_text(json.dumps({**METADATA, "name": "other"}))
    found = texts(tmp_path / "archive")
    (error,) = found["error"]
    assert "metadata.json" in error and found["note"] == []


@pytest.mark.parametrize(("name", "kind"), [("a.onnx", "ONNX network"), ("a.safetensors", "safetensors")])
def test_weights_of_other_formats_are_named(tmp_path, name, kind):
    (tmp_path / name).write_bytes(b"1" * 2_500_000)
    notes = texts(tmp_path / name)["note"]
    assert notes[0] == "file: 2.5 MB" and kind in notes[1]


def test_an_exported_network_says_what_its_metadata_say(tmp_path):
    network = torch.jit.trace(torch.nn.Linear(2, 1), torch.zeros(1, 2))
    save_net_with_metadata(network, str(tmp_path / "named"), meta_values={"name": "N", "monai_version": "1.6"})
    torch.jit.save(network, tmp_path / "plain.ts")
    assert "metadata: name N, monai version 1.6" in "\n".join(texts(tmp_path / "named.ts")["note"])
    assert texts(tmp_path / "plain.ts")["note"][-1] == "metadata: none: the network does not say what it is"


def record(**changes: Any) -> dict[str, Any]:
    known = {"bundle": "nowhere", "config": "train", "settings": {}, "fold": None, "versions": {"no-such": "1"}}
    return {**known, "subjects": {"training": ["a"]}, "options": {}, **changes}


def test_a_checkpoint_of_a_bundle_that_is_not_here_is_a_warning(tmp_path):
    path = tmp_path / "checkpoint.pt"
    state = with_training_record(torch.nn.Linear(3, 2).state_dict(), record())
    torch.save({"network": state, "optimizer": {}}, path)
    found = examine_weights(path)
    lines = "\n".join(found.lines())
    assert "checkpoint with weights and state of the training: 2 tensors, 0.00 million numbers" in lines
    torch.save(state, path)
    found = texts(path)
    assert found["warning"] == ["record: bundle nowhere is not in this checkout"]
    assert "record: nowhere, train.yaml, no fold held out" in found["note"]
    assert "record: trained on 1 subject, 0 to choose the epoch" in found["note"]


def test_a_file_without_tensors_is_an_error(tmp_path):
    torch.save({"epoch": 3}, tmp_path / "model.pt")
    assert texts(tmp_path / "model.pt")["error"] == ["weights: no tensors"]
