"""train.yaml fine-tunes by CGC and its rivals, from every start."""

from __future__ import annotations

import json

import pandas as pd
import pytest
import torch

from common.errors import InputError
from common.networks import CrossModalityConv, CrossModalityGroupConv
from tests.bundles.damage import with_whole_paths


@pytest.fixture
def train(run_config, configs, tiny, tmp_path):
    """Train on the phantoms: gives the workflow and the weights."""

    def train(*overlays: str, output: str = "output", **overrides):
        output_dir = tmp_path / output
        files = [configs / name for name in ("train.yaml", *overlays)]
        workflow = run_config(*files, output_dir=output_dir, **tiny | {"max_epochs": 1, "batch_size": 4} | overrides)
        return workflow, torch.load(output_dir / "model.pt", weights_only=True)

    return train


def learnt(state: dict[str, torch.Tensor], prefix: str) -> dict[str, torch.Tensor]:
    """Parameters under a prefix, without it; no running statistics, which any pass changes."""
    names = [name for name in state if name.startswith(prefix) and not name.endswith(("mean", "var", "tracked"))]
    assert names
    return {name.removeprefix(prefix): state[name] for name in names}


def equal(one: dict[str, torch.Tensor], other: dict[str, torch.Tensor]) -> bool:
    assert one.keys() == other.keys()
    return all(torch.equal(one[name], other[name]) for name in one)


@pytest.mark.parametrize(
    ("overlay", "fusion", "groups"), [("cgc", CrossModalityGroupConv, 8), ("dense", CrossModalityGroupConv, 1)]
)
def test_cgc_and_its_dense_equivalent_fuse_the_modalities(train, overlay, fusion, groups, tmp_path):
    workflow, weights = train(f"{overlay}.yaml", max_epochs=2)
    assert isinstance(workflow.network_def.fusion, fusion)
    assert weights["fusion.cross.0.weight"].shape == (1280, 3 * 1280 // groups, 1, 1)
    metrics = pd.read_csv(tmp_path / "output/metrics.csv")
    assert metrics["loss"].gt(0).all() and metrics["val_auc"].between(0, 1).all()


def test_cmc_is_trained_in_the_same_place(train):
    workflow, _ = train("cmc.yaml")
    assert isinstance(workflow.network_def.fusion, CrossModalityConv)


def test_fine_tuning_starts_from_the_pretrained_encoder(train, pretrained, caplog):
    caplog.set_level("INFO")
    _, weights = train(pretrained_encoder=pretrained, learning_rate=0.0)
    assert "random weights" not in caplog.text and "tensors from" in caplog.text
    source = torch.load(pretrained, weights_only=True)
    assert equal(learnt(weights, "encoder."), learnt(source, "encoder.encoder."))


def test_mean_and_std_of_other_modalities_are_typed_for_the_pre_training_alone(
    run_config, open_bundle, configs, tiny, tmp_path
):
    content = with_whole_paths(tiny["dataset_dir"]) | {"modality": {"0": "ADC", "1": "DWI", "2": "T2"}}
    (tmp_path / "other.json").write_text(json.dumps(content))
    own = tiny | {"datalist": tmp_path / "other.json", "batch_size": 4}
    measured = {"mean": [0.1, 0.2, 0.3], "std": [1.0, 2.0, 4.0]}
    run_config(configs / "pretrain.yaml", output_dir=tmp_path / "pretrain", **own, **measured, max_epochs=1)
    encoder = tmp_path / "pretrain" / "model.pt"
    files = [configs / "pretrain.yaml", configs / "extract_features.yaml"]
    features = open_bundle(*files, **own, checkpoint=encoder, output_dir=tmp_path / "features")
    features.initialize()
    assert {name: features.parser.get_parsed_content(name) for name in measured} == measured
    weights = {"pretrained_encoder": encoder, "output_dir": tmp_path / "train"}
    for typed in ({}, {"mean": [0.5, 0.5, 0.5]}):
        workflow = open_bundle(configs / "train.yaml", **own, **weights, **typed)
        workflow.initialize()
        assert {name: workflow.parser.get_parsed_content(name) for name in measured} == measured | typed


def test_one_modality_starts_from_encoder_and_projector(train, pretrained):
    workflow, weights = train("single.yaml", modality="T2", pretrained_encoder=pretrained, learning_rate=0.0)
    source = torch.load(pretrained, weights_only=True)
    assert equal(learnt(weights, "encoder."), learnt(source, "encoder.encoder."))
    assert equal(learnt(weights, "projector."), learnt(source, "encoder.projector."))
    assert weights["head.weight"].shape == (2, 256)
    assert workflow.train_dataset[0]["image"].shape == (1, 32, 32)


def test_one_modality_is_the_one_that_is_named(open_bundle, configs, tiny, tmp_path):
    images = {}
    for modality in (None, "T1", "OUT"):
        workflow = open_bundle(configs / "train.yaml", output_dir=tmp_path, modality=modality, cache_rate=0.0, **tiny)
        workflow.initialize()
        images[modality] = workflow.train_dataset[0]["image"]
    assert torch.equal(images["T1"], images[None][:1]) and torch.equal(images["OUT"], images[None][2:])


def test_linear_evaluation_changes_nothing_but_the_classifier(train, pretrained):
    overlays = ("single.yaml", "linear.yaml")
    _, weights = train(*overlays, modality="T1", pretrained_encoder=pretrained, learning_rate=0.01)
    source = torch.load(pretrained, weights_only=True)
    frozen = {name: value for name, value in weights.items() if not name.startswith("head.")}
    names = {name: "encoder.encoder." + name.removeprefix("encoder.") for name in frozen if name.startswith("encoder.")}
    names |= {name: f"encoder.{name}" for name in frozen if name.startswith("projector.")}
    assert names.keys() == frozen.keys()
    assert all(torch.equal(value, source[names[name]]) for name, value in frozen.items())  # statistics too
    _, start = train(*overlays, modality="T1", pretrained_encoder=pretrained, learning_rate=0.0, output="start")
    assert not torch.equal(weights["head.weight"], start["head.weight"])


def test_the_paper_s_protocol_keeps_the_last_epoch_and_classifies_by_a_hidden_layer_but_in_linear_evaluation(
    train, tmp_path
):
    _, weights = train("paper.yaml")
    assert [tuple(value.shape) for name, value in weights.items() if name.startswith("head.") and value.ndim == 2] == [
        (256, 1280),
        (2, 256),
    ]
    assert "val_auc" not in pd.read_csv(tmp_path / "output/metrics.csv")
    _, weights = train("paper.yaml", "single.yaml", "linear.yaml", modality="T1", output="linear")
    assert weights["head.weight"].shape == (2, 256)


def test_classes_weigh_alike_in_the_loss_where_asked_and_not_by_default(open_bundle, configs, tiny, tmp_path):
    found = {}
    for weight in (None, "balanced"):
        workflow = open_bundle(configs / "train.yaml", output_dir=tmp_path, class_weight=weight, cache_rate=0.0, **tiny)
        workflow.initialize()
        found[weight] = workflow.parser.get_parsed_content("loss").weight
        labels = torch.tensor([row["label"] for row in workflow.parser.get_parsed_content("train#dataset#data")])
    assert found[None] is None
    torch.testing.assert_close(found["balanced"], len(labels) / (2 * torch.bincount(labels).float()))


def test_imagenet_weights_are_the_start_where_no_encoder_is_named(train, open_bundle, configs, tiny, tmp_path):
    source = open_bundle(configs / "train.yaml", output_dir=tmp_path / "source", seed=7, **tiny)
    source.initialize()
    backbone = source.parser.get_parsed_content("backbone").state_dict()
    torch.save(backbone, tmp_path / "imagenet.pt")
    _, weights = train(pretrained_weights=tmp_path / "imagenet.pt", learning_rate=0.0)
    assert equal(learnt(weights, "encoder."), learnt(backbone, ""))


def test_the_learning_rate_rises_linearly_over_the_warm_up(train, tmp_path):
    workflow, _ = train(warmup_steps=6, max_epochs=2, learning_rate=0.006)
    optimizer = workflow.parser.get_parsed_content("optimizer")
    scheduler = workflow.parser.get_parsed_content("lr_scheduler")
    metrics = pd.read_csv(tmp_path / "output/metrics.csv")
    # 12 subjects, 4 at a time: the rate that the fourth step will take, and the constant one after the sixth
    assert list(metrics["learning_rate"].round(9)) == [0.004, 0.006]
    assert optimizer.param_groups[0]["lr"] == pytest.approx(0.006) and scheduler.last_epoch == 6


def test_groups_that_do_not_divide_the_channels_are_reported_in_one_line(error_lines, configs, tiny):
    (line,) = error_lines(configs / "train.yaml", **tiny | {"fusion__groups": 7, "batch_size": 4})
    assert "groups: 7 does not divide the 1280 channels" in line


def test_several_modalities_without_fusion_are_reported(open_bundle, configs, tiny, tmp_path):
    options = tiny | {"output_dir": tmp_path, "batch_size": 4}
    workflow = open_bundle(configs / "train.yaml", configs / "single.yaml", **options)
    workflow.initialize()
    network = workflow.parser.get_parsed_content("network")
    with pytest.raises(InputError, match="3 modalities and no fusion"):
        network(torch.rand(2, 3, 32, 32))
