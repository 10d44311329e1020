"""train.yaml fine-tunes the hybrid network, or trains it and its rivals from scratch."""

from __future__ import annotations

import pandas as pd
import pytest
import torch


@pytest.fixture
def train(run_config, configs, tiny, tmp_path):
    """Train on the phantoms: gives the workflow and the weights."""

    def train(*overlays: str, output: str = "output", **overrides):
        output_dir = tmp_path / output
        files = [configs / name for name in ("train.yaml", *overlays)]
        workflow = run_config(*files, output_dir=output_dir, **tiny | {"max_epochs": 1, "batch_size": 8} | overrides)
        return workflow, torch.load(output_dir / "model.pt", weights_only=True)

    return train


def changed(weights: dict[str, torch.Tensor], source: dict[str, torch.Tensor], prefix: str = "hybrid.") -> set[str]:
    """Names of the tensors of ``source`` that are others in ``weights``."""
    return {name for name in source if not torch.equal(weights[prefix + name], source[name])}


def test_fine_tuning_leaves_the_frozen_layers_and_their_statistics_as_they_were(train, pretrained):
    _, weights = train(pretrained_encoder=pretrained)
    moved = changed(weights, torch.load(pretrained, weights_only=True))
    assert any(name.startswith("image_encoder.layer3.") for name in moved)
    assert any(name.startswith("radiomics_encoder.0.") for name in moved)
    assert any(name.startswith("image_projection.") for name in moved)
    frozen = ("image_encoder.layer4.", "radiomics_encoder.1.", "radiomics_encoder.2.")
    assert not any(name.startswith(frozen) for name in moved)


def test_fine_tuning_starts_from_the_pretrained_network_and_its_scaling(train, pretrained, tmp_path):
    _, weights = train(pretrained_encoder=pretrained, learning_rate=0.0, label_fraction=0.4)
    moved = changed(weights, torch.load(pretrained, weights_only=True))
    assert all(name.endswith(("running_mean", "running_var", "num_batches_tracked")) for name in moved)
    assert (tmp_path / "output/scaling.json").read_bytes() == pretrained.with_name("scaling.json").read_bytes()


def test_from_scratch_everything_is_trained_on_a_scaling_of_its_own(train, tmp_path):
    workflow, _ = train("hybrid.yaml")
    assert all(parameter.requires_grad for parameter in workflow.network_def.parameters())
    assert (tmp_path / "output/scaling.json").is_file()


def test_all_can_be_fine_tuned_and_all_be_frozen(train, pretrained):
    source = torch.load(pretrained, weights_only=True)
    frozen = ["image_encoder", "image_projection", "radiomics_encoder"]
    workflow, weights = train(pretrained_encoder=pretrained, frozen_layers=frozen)
    assert changed(weights, source) == set()
    assert [name for name, p in workflow.network_def.named_parameters() if p.requires_grad] == [
        "head.weight",
        "head.bias",
    ]
    workflow, _ = train(pretrained_encoder=pretrained, frozen_layers=[], output="all")
    assert all(parameter.requires_grad for parameter in workflow.network_def.parameters())


@pytest.mark.parametrize("peer", [None, "autoencoder", "simclr"])
def test_resnet_alone_needs_no_radiomics_and_starts_from_the_peers(peer, train, run_config, configs, tiny, tmp_path):
    options = {"radiomics_settings": "nowhere.yaml", "learning_rate": 0.0, "frozen_layers": []}
    if peer:
        files = [configs / "pretrain.yaml", configs / f"{peer}.yaml"]
        run_config(*files, **tiny | {"output_dir": tmp_path / peer, "batch_size": 8, "max_epochs": 1})
        options["pretrained_encoder"] = tmp_path / peer / "model.pt"
    workflow, weights = train("image_only.yaml", **options)
    assert weights["head.weight"].shape == (2, workflow.network_def.hybrid.num_features)
    assert workflow.network_def.view == "pooled"
    if peer:
        source = torch.load(tmp_path / peer / "model.pt", weights_only=True)
        source = {name.removeprefix("encoder."): v for name, v in source.items() if name.startswith("encoder.")}
        moved = changed(weights, source, "hybrid.image_encoder.")
        assert all(name.endswith(("running_mean", "running_var", "num_batches_tracked")) for name in moved)


def test_few_labels_make_a_small_batch_and_smaller_parts_lie_in_larger_ones(open_bundle, configs, tiny, tmp_path):
    kept = {}
    for fraction in (0.1, 0.5):
        options = tiny | {"output_dir": tmp_path / str(fraction), "label_fraction": fraction}
        workflow = open_bundle(configs / "train.yaml", **options)
        workflow.initialize()
        kept[fraction] = {row["subject"] for row in workflow.parser.get_parsed_content("labelled")}
        labels = [row["label"] for row in workflow.parser.get_parsed_content("labelled")]
        assert set(labels) == {0, 1}
        sampler = workflow.parser.get_parsed_content("train#sampler")
        assert sampler.batch_size == min(16, len(labels))
    assert kept[0.1] < kept[0.5] and len(kept[0.1]) == 2


def test_without_validation_the_weights_are_those_of_the_last_epoch(train, tmp_path):
    workflow, weights = train(max_epochs=2)
    last = workflow.network_def.state_dict()
    assert all(torch.equal(weights[name], last[name]) for name in last)
    assert "val_auc" not in pd.read_csv(tmp_path / "output/metrics.csv")


def test_a_validation_part_chooses_the_epoch(train, tmp_path):
    train(max_epochs=2, validation_fraction=0.34)
    metrics = pd.read_csv(tmp_path / "output/metrics.csv")
    assert metrics["val_auc"].between(0, 1).all()
    checkpoint = torch.load(tmp_path / "output/checkpoint.pt", weights_only=True)
    assert checkpoint["best"]["epoch"] == 1 + metrics["val_auc"].argmax()


def test_the_learning_rate_falls_by_a_factor_of_ten_after_seventy_percent(train, tmp_path):
    train(max_epochs=10, label_fraction=0.2, learning_rate=0.01)
    rates = pd.read_csv(tmp_path / "output/metrics.csv")["learning_rate"].round(9)
    assert list(rates) == [0.01] * 7 + [0.001] * 3


def test_an_unknown_layer_to_freeze_is_reported(run_config, configs, tiny, pretrained, tmp_path):
    options = tiny | {"pretrained_encoder": pretrained, "frozen_layers": ["layer9"], "output_dir": tmp_path}
    with pytest.raises(RuntimeError) as caught:  # MONAI wraps the InputError
        run_config(configs / "train.yaml", **options)
    assert "no module 'layer9'" in str(caught.value.__cause__)


def test_the_classifier_is_trained_alone_first_and_the_rest_afterwards(train, pretrained):
    options = {"pretrained_encoder": pretrained, "frozen_layers": [], "max_epochs": 2}
    source = torch.load(pretrained, weights_only=True)
    _, weights = train(**options, probing_epochs=2)
    assert changed(weights, source) == set()  # neither weights nor statistics
    _, weights = train(**options, probing_epochs=1, output="both")
    assert changed(weights, source) == set(source)


def test_the_encoder_learns_at_its_share_of_the_rate_along_the_same_schedule(train, pretrained):
    workflow, weights = train(pretrained_encoder=pretrained, encoder_rate=0.0)
    moved = changed(weights, torch.load(pretrained, weights_only=True))
    assert all(name.endswith(("running_mean", "running_var", "num_batches_tracked")) for name in moved)
    rates = [group["lr"] for group in workflow.parser.get_parsed_content("optimizer").param_groups]
    assert rates[0] > 0 and rates[1] == 0


def test_each_earlier_layer_learns_at_its_share_of_the_next_one_s_rate(train, pretrained):
    options = {"frozen_layers": [], "learning_rate": 0.01, "encoder_rate": 0.5, "layer_decay": 0.5}
    workflow, _ = train(pretrained_encoder=pretrained, **options)
    rates = [group["initial_lr"] for group in workflow.trainer.optimizer.param_groups]
    assert rates == pytest.approx([0.01, *(0.005 * 0.5**depth for depth in range(6, 0, -1))])


def test_the_weights_kept_are_the_moving_average_over_a_share_of_the_steps(train, pretrained, tmp_path):
    options = {"pretrained_encoder": pretrained, "frozen_layers": [], "label_fraction": 0.4}
    workflow, weights = train(**options, average_share=0.5)  # one step, whose weight is 1 / (1 + 0.5)
    source, last = torch.load(pretrained, weights_only=True), workflow.network_def.state_dict()
    for name, value in workflow.network_def.hybrid.named_parameters():
        torch.testing.assert_close(weights[f"hybrid.{name}"], source[name] / 3 + value * 2 / 3)
    assert not any(torch.equal(weights[name], last[name]) for name in last if name.startswith("head."))
    assert set(torch.load(tmp_path / "output/checkpoint.pt", weights_only=True)["averaged"]) == set(weights)


def test_classes_weigh_alike_in_the_loss_as_in_linear_evaluation_and_not_in_the_paper_s_protocol(
    open_bundle, configs, tiny, tmp_path
):
    weights = {}
    for name in ("hybrid", "paper"):
        options = tiny | {"output_dir": tmp_path / name, "label_fraction": 1.0}
        workflow = open_bundle(configs / "train.yaml", configs / f"{name}.yaml", **options)
        workflow.initialize()
        weights[name] = workflow.parser.get_parsed_content("loss").weight
        labels = torch.tensor([row["label"] for row in workflow.parser.get_parsed_content("split")[0]])
    torch.testing.assert_close(weights["hybrid"], len(labels) / (2 * torch.bincount(labels).float()))
    assert weights["paper"].tolist() == [1, 1]
