"""train.yaml fine-tunes and trains from scratch."""

from __future__ import annotations

import json

import pandas as pd
import pytest
import torch

from common.transforms import BatchRandFlip
from tests.bundles.shared.training import SharedTraining


@pytest.fixture
def train(run_config, configs, tiny, tmp_path):
    """Train on the phantoms: gives the workflow and the output folder."""

    def train(*overlays: str, output: str = "output", **overrides):
        output_dir = tmp_path / output
        files = [configs / name for name in ("train.yaml", *overlays)]
        return run_config(*files, output_dir=output_dir, **tiny | {"max_epochs": 2} | overrides), output_dir

    return train


class TestTraining(SharedTraining):
    """With the defaults."""


def test_the_held_out_fold_is_neither_trained_on_nor_validated_with(open_bundle, configs, tiny, tmp_path):
    rows = json.loads((tiny["dataset_dir"] / "datalist.json").read_text())["training"]
    workflow = open_bundle(configs / "train.yaml", output_dir=tmp_path, fold=2, cache_rate=0.0, **tiny)
    workflow.initialize()
    training, validation = (
        {row["subject"] for row in workflow.parser.get_parsed_content(f"{part}#dataset#data")}
        for part in ("train", "validate")
    )
    assert not training & validation and len(validation) == 3  # a fifth of 15
    assert training | validation == {row["subject"] for row in rows if row["fold"] != 2}


def test_fine_tuning_starts_from_the_pretrained_encoder(train, pretrained):
    _, output_dir = train(pretrained_encoder=pretrained, learning_rate=0.0, weight_decay=0.0, max_epochs=1)
    source = torch.load(pretrained, weights_only=True)
    weights = torch.load(output_dir / "model.pt", weights_only=True)
    learnt = [name for name in weights if name.startswith("encoder.") and not name.endswith(("mean", "var", "tracked"))]
    assert learnt and all(torch.equal(weights[name], source[name]) for name in learnt)


def test_rare_classes_weigh_more_in_the_loss(open_bundle, configs, tiny, tmp_path):
    workflow = open_bundle(configs / "train.yaml", output_dir=tmp_path, cache_rate=0.0, **tiny)
    workflow.initialize()
    labels = [row["label"] for row in workflow.parser.get_parsed_content("train#dataset#data")]
    counts = torch.tensor([labels.count(0), labels.count(1)])
    weight = workflow.parser.get_parsed_content("loss").weight
    torch.testing.assert_close(weight * counts, torch.full((2,), len(labels) / 2))


def test_a_label_fraction_takes_so_many_subjects_of_each_class(open_bundle, configs, tiny, tmp_path):
    workflow = open_bundle(configs / "train.yaml", output_dir=tmp_path, label_fraction=0.7, **tiny)
    workflow.initialize()
    labels = [row["label"] for row in workflow.parser.get_parsed_content("rows")]
    assert sorted(labels) == [0] * 4 + [1] * 6  # of 6 and 9


def test_the_overlay_of_lung_trains_three_stages(train, lung_phantoms):
    sizes = {"box_size": [54, 54, 54], "image_size": [27, 27, 27], "spacing": [5.0, 5.0, 5.0]}
    options = {"validation_fraction": 0.5, "max_epochs": 1, "batch_size": 3}
    _, output_dir = train("lung.yaml", dataset_dir=lung_phantoms, **sizes, **options)
    assert torch.load(output_dir / "model.pt", weights_only=True)["head.weight"].shape == (3, 256)


def test_checkpointed_and_half_precision_training_run(train):
    _, output_dir = train(activation_checkpointing="true", amp="true", max_epochs=1)
    weights = torch.load(output_dir / "model.pt", weights_only=True)
    assert all(value.isfinite().all() for value in weights.values())


def test_the_overlay_of_the_paper_trains_at_a_constant_rate_without_flips(train):
    workflow, output_dir = train("paper_train.yaml")
    assert pd.read_csv(output_dir / "metrics.csv")["learning_rate"].tolist() == [0.01, 0.01]
    (flip,) = (
        each for each in workflow.parser.get_parsed_content("augment").transforms if isinstance(each, BatchRandFlip)
    )
    assert flip.prob == 0
