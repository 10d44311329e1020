"""pretrain.yaml runs with every overlay and option."""

from __future__ import annotations

import json

import nibabel as nib
import numpy as np
import pandas as pd
import pytest
import torch
from scipy.spatial.transform import Rotation

from common.handlers import KeyQueueHandler, MomentumUpdate
from tests.bundles.shared.pretraining import SharedPretexts, SharedPretraining

METHODS = {  # overlay: the paper's row, views of its queues, whether there is a target network
    "mlsscl": ("MLSSCL", ("axial", "coronal", "sagittal"), True),
    "multiview": ("Multiview", ("coronal", "sagittal"), True),
    "long_short": ("Long-Short", ("axial",), True),
    "byol": ("BYOL", (), True),
    "moco": ("MoCo", ("image",), True),
    "age_aware": ("Age-Aware", (), False),
    "genesis": ("Models Genesis", (), False),
}


class TestPretraining(SharedPretraining):
    repeated = ("mlsscl.yaml",)


class TestPretexts(SharedPretexts):
    pretexts = ["genesis.yaml"]


@pytest.mark.parametrize("overlay", METHODS)
def test_each_method_trains_its_networks_and_fills_its_queues(pretrain, overlay):
    method, views, has_target = METHODS[overlay]
    workflow, output_dir = pretrain(f"{overlay}.yaml")
    assert workflow.parser["method"] == method
    metrics = pd.read_csv(output_dir / "metrics.csv")
    steps = -(-len(workflow.train_dataset) // 4)
    assert list(metrics["iteration"]) == [steps, 2 * steps]
    assert metrics["loss"].between(0, 50).all() and metrics["learning_rate"].iloc[-1] == pytest.approx(0, abs=1e-9)
    assert "feature_std" in metrics
    weights = torch.load(output_dir / "model.pt", weights_only=True)
    assert any(name.startswith("target.") for name in weights) == has_target
    checkpoint = torch.load(output_dir / "checkpoint.pt", weights_only=True)
    assert ("queue" in checkpoint) == bool(views)
    kinds = [type(handler) for handler in workflow.train_handlers]
    assert (MomentumUpdate in kinds, KeyQueueHandler in kinds) == (has_target, bool(views))
    fitted = [h.momentum for h in workflow.train_handlers if isinstance(h, MomentumUpdate)]
    assert fitted == [None] * has_target  # to the number of steps
    if views:
        queue = checkpoint["queue"]
        size = len(
            workflow.train_dataset
        )  # a subject's own keys are masked, so that the queue may hold the whole cohort
        assert queue["keys"].shape == (len(views), size, 128) and queue["subjects"].ge(0).all()
        torch.testing.assert_close(queue["keys"].norm(dim=2), torch.ones(len(views), size))


@pytest.mark.parametrize("overlay", ["mlsscl", "genesis"])
def test_the_backbone_of_a_unet_is_pretrained_too(pretrain, overlay):
    overrides = {"max_epochs": 1, "channels": [4, 4, 8]}
    _, output_dir = pretrain("unet.yaml", f"{overlay}.yaml", **overrides)
    weights = torch.load(output_dir / "model.pt", weights_only=True)
    assert any("encoder.stages.2." in name for name in weights)


def test_the_overlay_of_adrenal_shapes_fits_strides_to_64_voxels(open_bundle, configs, clips, tmp_path):
    known = {key: clips[key] for key in ("dataset_dir", "cache_dir", "channels", "quiet", "batch_size")}
    files = [configs / "pretrain.yaml", configs / "adrenal.yaml"]
    workflow = open_bundle(*files, output_dir=tmp_path, cache_rate=0.0, **known)
    workflow.initialize()
    row = workflow.train_dataset[0]
    assert all(row[view].shape == (1, 16, 64, 64) for view in ("axial", "coronal", "sagittal", "short"))


def test_volumes_on_disk_or_nowhere_give_the_weights_of_those_in_memory(pretrain, tmp_path):
    options = {"max_epochs": 1, "cache_dir": tmp_path / "cache"}
    runs = {cache: pretrain(output=cache, cache=cache, **options) for cache in ("memory", "disk", "none")}
    assert len(list((tmp_path / "cache/volumes").glob("*.npz"))) == len(runs["disk"][0].train_dataset)
    one, *others = (torch.load(folder / "model.pt", weights_only=True) for _, folder in runs.values())
    for other in others:
        assert all(torch.equal(one[name], other[name]) for name in one)


def test_a_volume_gives_the_same_views_however_it_lies_in_its_file(open_bundle, configs, clips, tmp_path):
    rows = json.loads((clips["dataset_dir"] / "datalist.json").read_text())["training"]
    image = nib.as_closest_canonical(nib.load(clips["dataset_dir"] / rows[0]["image"]))
    turned = Rotation.from_euler("xyz", [10, -8, 12], degrees=True).as_matrix()
    oblique = np.eye(4)
    oblique[:3, :3] = turned @ image.affine[:3, :3]
    copies = {"RAS": image, "oblique": nib.Nifti1Image(np.asarray(image.dataobj), oblique)}
    for axes in ("LPS", "PIR"):
        codes = nib.orientations.axcodes2ornt(axes)
        copies[axes] = image.as_reoriented(nib.orientations.ornt_transform(nib.io_orientation(image.affine), codes))
    for name, copy in copies.items():
        nib.save(copy, tmp_path / f"{name}.nii.gz")
    rows = [{"image": f"{name}.nii.gz", "subject": name} for name in copies]
    (tmp_path / "datalist.json").write_text(json.dumps({"training": rows}))
    options = clips | {"dataset_dir": tmp_path, "cache": "none", "output_dir": tmp_path, "transductive": "true"}
    workflow = open_bundle(configs / "pretrain.yaml", **options)
    workflow.initialize()
    found = []
    for position in range(len(copies)):
        torch.manual_seed(3)
        found.append(workflow.train_dataset[position])
    for view in ("axial", "coronal", "sagittal", "short"):
        assert found[0][view].float().std() > 10
        assert all(torch.equal(found[0][view], other[view]) for other in found[1:]), view


@pytest.mark.parametrize("dtype", ["uint8", "float16", "float32"])
def test_each_way_of_storing_keeps_the_clips_within_a_grey_level(dtype, open_bundle, configs, clips, tmp_path):
    options = clips | {"storage_dtype": f"$torch.{dtype}", "cache_rate": 0.0, "output_dir": tmp_path}
    workflow = open_bundle(configs / "pretrain.yaml", augment=None, **options)
    workflow.initialize()
    torch.manual_seed(0)
    row = workflow.train_dataset[0]
    assert row["axial"].dtype == getattr(torch, dtype) and row["axial"].max() > 100
    exact = open_bundle(configs / "pretrain.yaml", **options | {"storage_dtype": "$torch.float32"})
    exact.initialize()
    torch.manual_seed(0)
    assert (row["axial"].float() - exact.train_dataset[0]["axial"]).abs().max() <= 1


def test_the_held_out_fold_is_seen_only_if_transductive_and_visits_stay_together(open_bundle, configs, clips, tmp_path):
    rows = json.loads((clips["dataset_dir"] / "datalist.json").read_text())["training"]
    held_out = {row["subject"] for row in rows if row["fold"] == 1}
    assert not held_out & {row["subject"] for row in rows if row["fold"] != 1}
    for transductive in ("false", "true"):
        overrides = clips | {"transductive": transductive, "fold": 1, "cache_rate": 0.0}
        workflow = open_bundle(configs / "pretrain.yaml", output_dir=tmp_path, **overrides)
        workflow.initialize()
        seen = workflow.parser.get_parsed_content("train#dataset#data")
        subjects = {row["subject"] for row in seen}
        assert subjects & held_out == (held_out if transductive == "true" else set())
        assert len({row["subject_index"] for row in seen}) == len(subjects) < len(seen)


def test_half_precision_and_targets_one_by_one_run(pretrain):
    _, output_dir = pretrain(amp="true", batched_targets="false", max_epochs=1)
    weights = torch.load(output_dir / "model.pt", weights_only=True)
    assert all(value.isfinite().all() for value in weights.values())


def test_label_maps_of_a_cohort_for_segmentation_are_ignored(pretrain, patches):
    own = {key: patches[key] for key in ("dataset_dir", "in_channels")}
    _, output_dir = pretrain("unet.yaml", label="ignored", max_epochs=1, channels=[4, 4, 8], batch_size=2, **own)
    assert "knn_accuracy" not in pd.read_csv(output_dir / "metrics.csv")


@pytest.mark.parametrize("overlay", ["mlsscl", "genesis"])
def test_it_starts_from_weights_that_others_have_pretrained_online_and_target(
    overlay, open_bundle, configs, clips, tmp_path
):
    options = clips | {"output_dir": tmp_path, "channels": [4, 6, 8, 10]}
    names = ["pretrain.yaml", f"{overlay}.yaml"]
    backbone = open_bundle(*[configs / name for name in names], **options).parser.get_parsed_content("backbone")
    torch.save(
        {"state_dict": {f"module.{name}": value for name, value in backbone.state_dict().items()}}, tmp_path / "m.pth"
    )
    options["pretrained_weights"] = tmp_path / "m.pth"
    network = open_bundle(*[configs / name for name in names], **options).parser.get_parsed_content("network_def")
    copies = ["encoder.encoder.", "target.encoder."] if overlay == "mlsscl" else ["encoder."]
    for prefix in copies:
        for name, value in backbone.state_dict().items():
            assert torch.equal(network.state_dict()[prefix + name], value), prefix + name
