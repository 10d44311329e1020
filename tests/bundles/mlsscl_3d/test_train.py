"""train.yaml fine-tunes the backbone of any method to a classifier, and trains from scratch."""

from __future__ import annotations

import json

import pandas as pd
import pytest
import torch

from tests.bundles.shared.training import SharedTraining


@pytest.fixture
def train(run_config, configs, tiny, tmp_path):
    """Train on the phantoms: gives the workflow and the output folder."""

    def train(*overlays: str, output: str = "output", **overrides):
        output_dir = tmp_path / output
        files = [configs / name for name in ("train.yaml", *overlays)]
        values = tiny | {"max_epochs": 1, "validation_fraction": 0.5} | overrides
        return run_config(*files, output_dir=output_dir, **values), output_dir

    return train


class TestTraining(SharedTraining):
    prefix = "encoder."


def learnt(state: dict[str, torch.Tensor], prefix: str) -> dict[str, torch.Tensor]:
    """Parameters under a prefix, without it; no running statistics, which any pass changes."""
    names = [name for name in state if name.startswith(prefix) and not name.endswith(("mean", "var", "tracked"))]
    assert names
    return {name.removeprefix(prefix): state[name] for name in names}


def test_no_person_of_the_held_out_fold_is_trained_on_or_validated_with(open_bundle, configs, tiny, tmp_path):
    rows = json.loads((tiny["dataset_dir"] / "datalist.json").read_text())["training"]
    overrides = tiny | {"validation_fraction": 0.5, "fold": 2, "cache": "none"}
    workflow = open_bundle(configs / "train.yaml", output_dir=tmp_path, **overrides)
    workflow.initialize()
    training, validation = (
        {row["subject"] for row in workflow.parser.get_parsed_content(f"{part}#dataset#data")}
        for part in ("train", "validate")
    )
    assert not training & validation and validation
    assert training | validation == {row["subject"] for row in rows if row["fold"] != 2}


@pytest.mark.parametrize("overlay", ["mlsscl", "genesis"])
def test_fine_tuning_starts_from_the_pretrained_backbone_of_any_method(
    train, run_config, configs, clips, overlay, tmp_path
):
    files = [configs / "pretrain.yaml", configs / f"{overlay}.yaml"]
    run_config(*files, output_dir=tmp_path / "pretrained", **clips | {"max_epochs": 1})
    path = tmp_path / "pretrained/model.pt"
    _, output_dir = train(pretrained_encoder=path, learning_rate=0.0, weight_decay=0.0)
    source = torch.load(path, weights_only=True)
    weights = learnt(torch.load(output_dir / "model.pt", weights_only=True), "encoder.")
    expected = learnt(source, "encoder.encoder.")
    assert weights.keys() == expected.keys()
    assert all(torch.equal(weights[name], expected[name]) for name in weights)


def test_few_labels_train_without_validation_and_keep_the_last_epoch(train):
    workflow, output_dir = train(label_fraction=0.01, validation_fraction=0, max_epochs=2)
    rows = workflow.parser.get_parsed_content("rows")
    subjects = {row["subject"]: row["label"] for row in rows}
    assert sorted(subjects.values()) == [0, 1]  # at least one of each class, with all visits
    metrics = pd.read_csv(output_dir / "metrics.csv")
    assert list(metrics["iteration"]) == [1, 2] and "val_auc" not in metrics
    assert (output_dir / "model.pt").is_file()


def test_a_larger_fraction_holds_every_smaller_one_of_the_same_seed(open_bundle, configs, tiny, tmp_path):
    kept = {}
    for fraction, seed in ((0.3, 0), (0.6, 0), (0.3, 1)):
        overrides = tiny | {"label_fraction": fraction, "label_seed": seed, "cache": "none", "output_dir": tmp_path}
        workflow = open_bundle(configs / "train.yaml", **overrides)
        workflow.initialize()
        kept[fraction, seed] = {row["subject"] for row in workflow.parser.get_parsed_content("rows")}
    assert kept[0.3, 0] < kept[0.6, 0] and kept[0.3, 0] != kept[0.3, 1]


def test_the_classifier_sees_slices_first_as_the_axial_clips_are(open_bundle, configs, tiny, clips, tmp_path):
    sizes = {"image_size": [32, 36, 40], "output_dir": tmp_path, "validation_fraction": 0}
    workflow = open_bundle(configs / "train.yaml", **tiny | sizes | {"cache": "none"})
    workflow.initialize()
    volume = workflow.train_dataset[0]["image"]
    assert volume.shape == (1, 40, 32, 36)  # superior, right, anterior
    options = sizes | {"clip_size": [32, 36], "storage_dtype": "$torch.float32", "cache": "none"}
    pretraining = open_bundle(configs / "pretrain.yaml", **clips | options)
    pretraining.initialize()
    subject = workflow.train_dataset.data[0]["image"]
    position = [row["image"] for row in pretraining.train_dataset.data].index(subject)
    clip = pretraining.train_dataset[position]["axial"]
    starts = [start for start in range(12) if torch.equal(volume[:, start : start + 29 : 4], clip)]
    assert starts


def test_a_unet_encoder_is_fine_tuned_to_a_classifier_too(train):
    _, output_dir = train("unet.yaml", channels=[4, 4, 8])
    assert torch.load(output_dir / "model.pt", weights_only=True)["head.weight"].shape == (2, 8)
