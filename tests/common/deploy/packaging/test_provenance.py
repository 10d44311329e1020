"""What is known of the weights is written; what is not known is null, and no one's folders are reported."""

from __future__ import annotations

import hashlib
import json
import subprocess

import pytest
import torch

from common import InputError
from common.deploy.packaging.provenance import write_provenance

METRICS = [
    {"epoch": 1, "iteration": 2, "loss": 0.7, "val_auc": 0.9, "learning_rate": 0.001, "seconds": 1.5},
    {"epoch": 2, "iteration": 4, "loss": 0.6, "val_auc": 0.8, "learning_rate": 0.001, "seconds": 1.6},
]


@pytest.fixture
def run(tmp_path):
    """What train.yaml leaves: the best epoch was the first."""
    folder = tmp_path / "secret_name" / "run"
    folder.mkdir(parents=True)
    (tmp_path / "secret_name" / "datalist.json").write_text('{"training": []}')
    torch.save({"head.weight": torch.ones(2)}, folder / "model.pt")
    optimizer = torch.optim.Adam([torch.nn.Parameter(torch.ones(2))], lr=0.001, weight_decay=0.01)
    identity = {"datalist": str(tmp_path / "secret_name/datalist.json"), "fold": 0, "image_size": [32, 32]}
    identity["pretrained_encoder"] = str(tmp_path / "secret_name/gone.pt")
    states = {"identity": identity, "engine": {"iteration": 4, "epoch_length": 2}, "optimizer": optimizer.state_dict()}
    torch.save({**states, "best": {"metric": 0.9, "epoch": 1}}, folder / "checkpoint.pt")
    (folder / "metrics.json").write_text(json.dumps(METRICS))
    return folder


def written(path, **options):
    options = {"bundle": "liver_cgc", "version": "0.1.0", "target": "zoo"} | options
    return json.loads(write_provenance(path, **options).read_text())


def test_the_training_is_reported_by_settings_optimizer_and_the_best_epochs_metrics(run, tmp_path):
    content = written(tmp_path / "p.json", training_run=run, weights=run / "model.pt")
    training = content["training"]
    assert training["settings"] == {
        "datalist": "datalist.json",
        "fold": 0,
        "image_size": [32, 32],
        "pretrained_encoder": "gone.pt",
    }
    assert training["optimizer"][0]["lr"] == 0.001 and training["optimizer"][0]["weight_decay"] == 0.01
    expected = {"epoch": 1, "iteration": 2, "loss": 0.7, "val_auc": 0.9, "learning_rate": 0.001}
    assert (training["best_epoch"], training["iterations"], training["metrics"]) == (1, 4, expected)


def test_files_are_reported_by_their_hash_and_by_null_where_they_are_gone(run, tmp_path):
    content = written(tmp_path / "p.json", training_run=run, weights=run / "model.pt")
    files = content["training"]["files"]
    assert files["datalist"]["sha256"] == hashlib.sha256(b'{"training": []}').hexdigest()
    assert files["pretrained_encoder"] == {"name": "gone.pt", "sha256": None}
    assert content["weights"]["sha256"] == hashlib.sha256((run / "model.pt").read_bytes()).hexdigest()
    assert "secret_name" not in (tmp_path / "p.json").read_text()


def test_it_has_the_same_bytes_each_time(run, tmp_path):
    written(tmp_path / "a.json", training_run=run)
    written(tmp_path / "b.json", training_run=run)
    assert (tmp_path / "a.json").read_bytes() == (tmp_path / "b.json").read_bytes()


def test_without_a_run_only_what_is_known_is_reported(tmp_path):
    content = written(tmp_path / "p.json", calibration={"temperature": 1.5}, metrics={"auc": 0.8})
    assert content["training"] is None and content["weights"] is None
    assert content["calibration"] == {"temperature": 1.5} and content["metrics"] == {"auc": 0.8}
    assert content["packages"]["torch"] and content["packages"]["monai"]


def test_weights_of_another_run_are_refused(run, tmp_path):
    torch.save({"head.weight": torch.zeros(2)}, tmp_path / "other.pt")
    with pytest.raises(InputError, match=r"other\.pt: differs from .*model\.pt"):
        written(tmp_path / "p.json", training_run=run, weights=tmp_path / "other.pt")
    assert not (tmp_path / "p.json").exists()


def test_a_folder_that_is_no_run_is_refused(tmp_path):
    with pytest.raises(InputError, match=r"no checkpoint\.pt"):
        written(tmp_path / "p.json", training_run=tmp_path)


def test_the_commit_is_reported_and_whether_the_sources_changed_since(tmp_path):
    project = tmp_path / "project"
    (project / "common").mkdir(parents=True)
    (project / "common/a.py").write_text("a = 1\n")
    git = ["git", "-C", project, "-c", "user.name=a", "-c", "user.email=a@example.org"]
    for words in (["init", "-q"], ["add", "."], ["commit", "-q", "-m", "first"]):
        subprocess.run([*git, *words], check=True)
    commit = subprocess.run([*git, "rev-parse", "HEAD"], capture_output=True, text=True).stdout.strip()
    (project / "results").mkdir()
    (project / "results/table.csv").write_text("no source")
    assert written(tmp_path / "p.json", project=project)["source"] == {"commit": commit, "changed_since": False}
    (project / "common/a.py").write_text("a = 2\n")
    assert written(tmp_path / "p.json", project=project)["source"] == {"commit": commit, "changed_since": True}


def test_outside_a_checkout_there_is_no_commit(tmp_path):
    content = written(tmp_path / "p.json", project=tmp_path)
    assert content["source"] == {"commit": None, "changed_since": None}
