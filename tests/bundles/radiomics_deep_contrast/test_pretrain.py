"""pretrain.yaml runs with every method and option."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest
import torch
from PIL import Image

from common.radiomics.scaling import FittedScaling
from tests.bundles.damage import with_whole_paths
from tests.bundles.shared.pretraining import SharedPretexts, SharedPretraining


class TestPretraining(SharedPretraining):
    """With the defaults."""


class TestPretexts(SharedPretexts):
    pretexts = ["autoencoder.yaml", "jigsaw.yaml"]


@pytest.mark.parametrize("overlay", [None, "negatives.yaml"])
def test_both_losses_learn_from_full_banks(pretrain, overlay):
    workflow, output_dir = pretrain(*([overlay] if overlay else []))
    metrics = pd.read_csv(output_dir / "metrics.csv")
    assert list(metrics["iteration"]) == [4, 8]  # 15 subjects, 4 at a time
    assert metrics["loss"].gt(0).all()
    assert {"feature_std", "effective_rank", "knn_accuracy", "learning_rate", "seconds"} <= set(metrics)
    banks = workflow.parser.get_parsed_content("banks")
    assert banks.filled.all() and len(banks.image) == 15
    for view in (banks.image, banks.radiomics):
        torch.testing.assert_close(view.norm(dim=1), torch.ones(15))
    assert banks.log_normalizers.isfinite().all() == (overlay is not None)
    saved = torch.load(output_dir / "checkpoint.pt", weights_only=True)["banks"]
    assert torch.equal(saved["image"], banks.image) and torch.equal(saved["radiomics"], banks.radiomics)


def test_the_banks_are_filled_before_the_first_step_and_move_after_each(pretrain):
    workflow, _ = pretrain(max_epochs=1, learning_rate=0.0, augment=None, radiomics_dropout=0.0)
    banks, network = (workflow.parser.get_parsed_content(name) for name in ("banks", "network_def"))
    radiomics = torch.stack([row["radiomics"] for row in workflow.train_dataset])
    with torch.no_grad():  # nothing was learnt, nothing is random: the rows have gone from r to r
        torch.testing.assert_close(banks.radiomics, network.radiomics_features(radiomics))


@pytest.mark.parametrize("overlay", ["autoencoder", "jigsaw", "simclr"])
def test_peers_train_the_image_encoder_without_radiomics(pretrain, overlay):
    workflow, output_dir = pretrain(f"{overlay}.yaml", radiomics_settings="nowhere.yaml")
    weights = torch.load(output_dir / "model.pt", weights_only=True)
    encoder = workflow.parser.get_parsed_content("image_encoder").state_dict()
    assert {name.removeprefix("encoder.") for name in weights if name.startswith("encoder.")} == encoder.keys()
    assert pd.read_csv(output_dir / "metrics.csv")["loss"].gt(0).all()
    assert not (output_dir / "scaling.json").exists()


def test_the_scaling_is_fitted_on_the_training_subjects_alone(pretrain, tiny):
    workflow, output_dir = pretrain(max_epochs=1)
    rows = json.loads((tiny["dataset_dir"] / "datalist.json").read_text())["training"]
    held_out = {row["subject"] for row in rows if row["fold"] == 0}
    assert not held_out & {row["subject"] for row in workflow.parser.get_parsed_content("rows")}
    radiomics = torch.stack([row["radiomics"] for row in workflow.train_dataset])
    assert len(radiomics) == 15
    torch.testing.assert_close(radiomics.mean(0), torch.zeros(radiomics.shape[1]), atol=1e-5, rtol=0)
    torch.testing.assert_close(radiomics.std(0, correction=0), torch.ones(radiomics.shape[1]), atol=1e-4, rtol=0)
    assert len(FittedScaling.load(output_dir / "scaling.json").columns) == radiomics.shape[1]


def test_shuffling_gives_every_image_the_radiomics_of_another(open_bundle, configs, tiny, tmp_path):
    found = {}
    for overlay in ("thyroid", "shuffled"):
        options = tiny | {"output_dir": tmp_path / overlay, "batch_size": 4}
        workflow = open_bundle(configs / "pretrain.yaml", configs / f"{overlay}.yaml", **options)
        workflow.initialize()
        found[overlay] = torch.stack([row["radiomics"] for row in workflow.parser.get_parsed_content("rows")])
    true, shuffled = found["thyroid"], found["shuffled"]
    assert not (true == shuffled).all(dim=1).any()
    assert torch.equal(true.sort(dim=0).values, shuffled.sort(dim=0).values)


@pytest.mark.parametrize("apply_mask", ["false", "true"])
def test_images_are_the_lesion_cropped_resized_and_in_0_to_1(open_bundle, configs, tiny, tmp_path, apply_mask):
    options = tiny | {"output_dir": tmp_path, "batch_size": 4, "apply_mask": apply_mask}
    workflow = open_bundle(configs / "pretrain.yaml", **options)
    workflow.initialize()
    images = torch.stack([row["image"] for row in workflow.train_dataset])
    assert images.shape == (15, 1, 32, 32)
    assert torch.equal(images.amin((1, 2, 3)), torch.zeros(15)) and torch.equal(images.amax((1, 2, 3)), torch.ones(15))
    corner = images[:, 0, :2, :2].mean((1, 2))  # outside a round lesion
    assert (corner.median() < 0.05) == (apply_mask == "true")


def test_with_a_share_of_the_image_the_lesion_keeps_its_proportions(open_bundle, configs, tiny, tmp_path):
    options = tiny | {"output_dir": tmp_path, "batch_size": 4, "apply_mask": "true", "image_size": [40, 40]}
    workflow = open_bundle(configs / "pretrain.yaml", lesion_share=0.5, **options)
    workflow.initialize()
    rows = workflow.parser.get_parsed_content("rows")
    for row in workflow.train_dataset:
        mask = np.asarray(Image.open(rows[int(row["index"])]["mask"])).T > 0
        box = np.array([np.ptp(places) + 1 for places in np.nonzero(mask)])
        inside = row["image"][0].numpy() > 0
        found = np.array([np.ptp(places) + 1 for places in np.nonzero(inside)])
        assert row["image"].shape == (1, 40, 40)
        assert np.abs(found - 20 * box / box.max()).max() <= 2.5  # pixels at the black edge of the lesion may be 0


def test_a_locked_imagenet_encoder_stays_and_the_rest_learns(pretrain):
    """Random weights in the encoder: the package of ImageNet's need not be installed."""
    options = {"pretrained_weights": None, "image_size": [64, 64], "max_epochs": 2}
    workflow, output_dir = pretrain("imagenet.yaml", "locked.yaml", **options)
    start, _ = pretrain("imagenet.yaml", "locked.yaml", output="start", learning_rate=0.0, **options)
    weights = torch.load(output_dir / "model.pt", weights_only=True)
    before = start.network_def.state_dict()
    changed = {name.split(".")[0] for name in before if not torch.equal(weights[name], before[name])}
    assert changed == {"image_projection", "radiomics_encoder"}
    assert type(workflow.network_def.image_encoder).__name__ == "EfficientNetBackbone"


def test_kidney_tumours_are_ten_slices_as_channels(open_bundle, configs, tiny, kidney_phantoms, tmp_path):
    path = tmp_path / "kidney.yaml"
    path.write_text(tiny["radiomics_settings"].read_text().replace("binWidth: 16", "binWidth: 20, label: 2"))
    options = tiny | {"output_dir": tmp_path, "batch_size": 2, "dataset_dir": kidney_phantoms}
    del options["image_size"], options["small_stem"]
    options["radiomics_settings"] = path
    workflow = open_bundle(configs / "pretrain.yaml", configs / "kidney.yaml", **options)
    workflow.initialize()
    images = [row["image"] for row in workflow.train_dataset]
    assert all(image.shape == (10, 64, 64) and image.min() >= 0 and image.max() <= 1 for image in images)
    assert workflow.network_def.image_encoder.small_stem and workflow.network_def.image_encoder.in_channels == 10


@pytest.mark.slow
def test_kidney_tumours_are_pretrained_without_labels_and_folds(run_config, configs, tiny, kidney_phantoms, tmp_path):
    options = tiny | {"datalist": kidney_phantoms / "datalist_pretraining.json", "transductive": "true"}
    del options["image_size"], options["radiomics_settings"]  # those of the overlay
    options |= {"output_dir": tmp_path, "batch_size": 2, "max_epochs": 1, "lesion_slices": 4}
    run_config(configs / "pretrain.yaml", configs / "kidney.yaml", **options)
    metrics = pd.read_csv(tmp_path / "metrics.csv")
    assert np.isfinite(metrics["loss"]).all() and "knn_accuracy" not in metrics


def test_images_without_a_label_are_pretrained_on_beside_others(pretrain, thyroid_phantoms, tmp_path):
    content = with_whole_paths(thyroid_phantoms)
    for row in content["training"][::3]:
        del row["label"]
    path = tmp_path / "partly.json"
    path.write_text(json.dumps(content))
    workflow, output_dir = pretrain(datalist=path, max_epochs=1)
    assert len(workflow.train_dataset) == 15
    assert np.isfinite(pd.read_csv(output_dir / "metrics.csv")["knn_accuracy"]).all()
