"""pretrain.yaml runs with every overlay and option."""

from __future__ import annotations

import itertools
import json

import pandas as pd
import pytest
import torch

from tests.bundles.shared.pretraining import SharedPretexts, SharedPretraining


class TestPretraining(SharedPretraining):
    repeated = ("se.yaml",)
    repeated_with = {"features": "bank"}


class TestPretexts(SharedPretexts):
    pretexts = ["rubik.yaml"]


@pytest.mark.parametrize(("strategy", "features"), list(itertools.product(["plain", "re", "se"], ["fresh", "bank"])))
def test_each_strategy_runs_and_logs_what_it_did(pretrain, strategy, features):
    workflow, output_dir = pretrain(f"{strategy}.yaml", features=features)
    assert workflow.parser["strategy"] == strategy
    metrics = pd.read_csv(output_dir / "metrics.csv")
    assert list(metrics["epoch"]) == [1, 2]
    assert list(metrics["iteration"]) == [4, 8]  # 15 subjects, 4 at a time
    assert metrics["loss"].between(-1, 1 if strategy != "re" else 4).all()
    assert {"feature_std", "effective_rank", "knn_accuracy", "learning_rate", "seconds"} <= set(metrics)
    reported = {"cluster_share_1", "cluster_share_2", "cluster_share_3", "cluster_purity", "cluster_purity_base"}
    reported |= {"cluster_purity_centre", "cluster_purity_centre_base", "cluster_eta2_size"}
    assert (reported & set(metrics)) == (set() if strategy == "plain" else reported)
    if strategy != "plain":
        warm, balanced = metrics[sorted(reported)].iloc[0], metrics[sorted(reported)].iloc[1]
        assert warm.isna().all()  # nothing is clustered while warming up
        assert balanced.filter(like="share").sum() == pytest.approx(1) and balanced.between(0, 1).all()
        assert balanced["cluster_purity_centre"] >= balanced["cluster_purity_centre_base"] > 0
    assert json.loads((output_dir / "metrics.json").read_text())[-1]["loss"] == pytest.approx(metrics["loss"].iloc[-1])
    assert {path.name for path in output_dir.iterdir()} <= {
        "checkpoint.pt", "model.pt", "metrics.csv", "metrics.json", "tensorboard"
    }  # fmt: skip


def test_bank_and_fresh_features_make_se_choose_differently(pretrain):
    weights = []
    for features in ("fresh", "bank"):
        workflow, output_dir = pretrain("se.yaml", features=features)
        weights.append(torch.load(output_dir / "model.pt", weights_only=True))
        assert workflow.trainer.state.iteration == 8
    assert any(not torch.equal(weights[0][name], weights[1][name]) for name in weights[0])


def test_the_held_out_fold_is_seen_only_if_transductive(pretrain, open_bundle, configs, tiny, tmp_path):
    rows = json.loads((tiny["dataset_dir"] / "datalist.json").read_text())["training"]
    held_out = {row["subject"] for row in rows if row["fold"] == 1}
    for transductive in ("false", "true"):
        overrides = tiny | {"transductive": transductive, "fold": 1, "cache_rate": 0.0, "batch_size": 4}
        workflow = open_bundle(configs / "pretrain.yaml", output_dir=tmp_path, **overrides)
        workflow.initialize()
        seen = {row["subject"] for row in workflow.parser.get_parsed_content("train#dataset#data")}
        assert seen & held_out == (held_out if transductive == "true" else set())
    assert seen == {row["subject"] for row in rows}


def test_the_overlay_of_brats_gives_four_modalities_and_a_box_padded_with_background(pretrain):
    workflow, _ = pretrain("brats.yaml", box_size=[40, 40, 40], max_epochs=1, strategy="plain")
    image = workflow.train_dataset[0]["image"]
    assert image.shape == (4, 40, 40, 40)  # the phantoms have 32 voxels along each axis
    assert image[:, 0].eq(0).all() or image[:, -1].eq(0).all()
    assert image.amin(dim=(1, 2, 3)).eq(0).all() and image.amax() <= 255


def test_the_overlay_of_lung_resamples_cuts_and_resizes_one_ct(pretrain, lung_phantoms):
    sizes = {"box_size": [54, 54, 54], "image_size": [27, 27, 27], "spacing": [5.0, 5.0, 5.0]}
    workflow, output_dir = pretrain(
        "lung.yaml", dataset_dir=lung_phantoms, strategy="re", num_clusters=2, max_epochs=2, **sizes
    )
    image = workflow.train_dataset[0]["image"]
    assert image.shape == (1, 27, 27, 27)
    assert image.min() >= 0 and image.max() <= 255 and image.float().std() > 10
    assert (output_dir / "model.pt").is_file()


def test_the_box_is_cut_round_the_label_of_the_mask_that_is_asked_for(open_bundle, configs, tiny, tmp_path):
    settings = tiny | {"strategy": "plain", "cache_rate": 0.0, "box_size": [9, 9, 9], "output_dir": tmp_path}

    def images(**overrides):
        workflow = open_bundle(configs / "pretrain.yaml", **settings, **overrides)
        workflow.initialize()
        return [workflow.train_dataset[index]["image"] for index in range(15)]

    whole, core = images(), images(mask_label=1)
    assert all(image.shape == (4, 9, 9, 9) for image in whole + core)
    assert any(not torch.equal(one, other) for one, other in zip(whole, core, strict=True))
    everything = images(mask_label=[1, 2, 4])
    assert all(torch.equal(one, other) for one, other in zip(whole, everything, strict=True))
    resampled = images(mask_label=1, spacing=[0.5, 0.5, 0.5])
    assert all(image.shape == (4, 9, 9, 9) and image.std() > 0 for image in resampled)


def test_half_precision_storage_and_a_partial_cache_run(pretrain):
    workflow, output_dir = pretrain(storage_dtype="$torch.float16", cache_rate=0.5, max_epochs=1, strategy="plain")
    assert workflow.train_dataset[0]["image"].dtype == torch.float16
    assert (output_dir / "model.pt").is_file()


def test_rubik_s_cube_trains_the_same_encoder(pretrain):
    workflow, output_dir = pretrain("rubik.yaml", max_epochs=1)
    weights = torch.load(output_dir / "model.pt", weights_only=True)
    encoder = workflow.parser.get_parsed_content("encoder")
    assert {name for name in weights if name.startswith("encoder.")} == {f"encoder.{n}" for n in encoder.state_dict()}
    metrics = pd.read_csv(output_dir / "metrics.csv")
    assert metrics["loss"].between(0, 10).all()


def test_the_overlay_of_the_paper_takes_adam_at_a_constant_rate_without_projector(pretrain):
    workflow, output_dir = pretrain("plain.yaml", "paper.yaml")
    assert isinstance(workflow.trainer.optimizer, torch.optim.Adam)
    assert pd.read_csv(output_dir / "metrics.csv")["learning_rate"].tolist() == [0.01, 0.01]
    weights = torch.load(output_dir / "model.pt", weights_only=True)
    assert not [name for name in weights if name.startswith("projector.")]


def test_by_default_the_predictor_alone_keeps_its_rate_and_a_projector_ends_in_batch_norm(pretrain):
    workflow, output_dir = pretrain("plain.yaml", features="bank")
    encoder, predictor = workflow.trainer.optimizer.param_groups
    assert encoder["lr"] == pytest.approx(0, abs=1e-9) and predictor["lr"] == 0.05
    assert len(predictor["params"]) == len(list(workflow.trainer.network.predictor.parameters()))
    weights = torch.load(output_dir / "model.pt", weights_only=True)
    assert "projector.4.running_mean" in weights and "projector.4.weight" not in weights
