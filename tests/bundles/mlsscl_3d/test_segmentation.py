"""Lesion segmentation: training from a pre-trained encoder, evaluation, and its inference without Python of ours."""

from __future__ import annotations

import json

import nibabel as nib
import numpy as np
import pandas as pd
import pytest
import torch
from monai.bundle import verify_net_in_out
from monai.data import load_net_with_metadata

from common.evaluation import lesion_metrics
from tests.bundles.commands import export_classifier


@pytest.fixture
def train(run_config, configs, patches, tmp_path):
    """Train a segmenter on the phantoms: gives the workflow and the output folder."""

    def train(output: str = "output", **overrides):
        output_dir = tmp_path / output
        values = patches | {"max_epochs": 1, "val_interval": 1, "validation_fraction": 0.5} | overrides
        return run_config(configs / "train_segmentation.yaml", output_dir=output_dir, **values), output_dir

    return train


@pytest.fixture(scope="module")
def exported(configs, segmenter, patches, tmp_path_factory):
    """The segmenter as TorchScript, by the command of the bundle's README."""
    path = tmp_path_factory.mktemp("exported") / "model.ts"
    options = {"channels": patches["channels"], "in_channels": 3}
    return export_classifier(path, configs, segmenter, stage="evaluate_segmentation", **options)


def held_out(patches) -> list[dict]:
    rows = json.loads((patches["dataset_dir"] / "datalist.json").read_text())["training"]
    return [row for row in rows if row["fold"] == 0]


def test_training_validates_at_the_last_epoch_at_latest_and_logs_the_lesion_metrics(train):
    workflow, output_dir = train(max_epochs=2, val_interval=5)
    metrics = pd.read_csv(output_dir / "metrics.csv")
    assert metrics["loss"].between(0, 3).all() and metrics["val_dice"].iloc[1:].between(0, 1).all()
    assert {"val_dsc", "val_ltpr", "val_lfpr"} <= set(metrics)
    subjects = [{row["subject"] for row in part} for part in workflow.parser.get_parsed_content("split")]
    assert len(subjects[0]) == len(subjects[1]) == 2 and not subjects[0] & subjects[1]


def test_half_of_the_patches_are_cut_round_a_lesion(open_bundle, configs, patches, tmp_path):
    options = patches | {"roi_size": [5, 5, 5], "patches_per_volume": 40, "cache_rate": 0.0, "output_dir": tmp_path}
    workflow = open_bundle(configs / "train_segmentation.yaml", **options | {"validation_fraction": 0})
    workflow.initialize()
    rows = workflow.train_dataset[0]
    assert len(rows) == 40 and rows[0]["image"].shape == (3, 5, 5, 5)
    share = np.mean([bool(row["label"][0, 2, 2, 2]) for row in rows])  # of centres in a lesion
    assert 0.25 < share < 0.75


@pytest.mark.parametrize("affine_prob", [0.0, 0.7])
def test_patches_come_from_the_generator_that_checkpoints_hold(open_bundle, configs, patches, tmp_path, affine_prob):
    options = patches | {
        "validation_fraction": 0,
        "cache_rate": 0.0,
        "output_dir": tmp_path,
        "affine_prob": affine_prob,
    }
    workflow = open_bundle(configs / "train_segmentation.yaml", **options)
    workflow.initialize()
    assert workflow.trainer.data_loader.dataset is workflow.train_dataset
    state = np.random.get_state()
    first = workflow.train_dataset[0]
    second = workflow.train_dataset[0]
    np.random.set_state(state)
    again = workflow.train_dataset[0]
    assert all(torch.equal(one["image"], other["image"]) for one, other in zip(first, again, strict=True))
    assert any(not torch.equal(one["image"], other["image"]) for one, other in zip(first, second, strict=True))


def test_image_and_label_are_turned_and_scaled_alike(open_bundle, configs, patches, tmp_path):
    options = patches | {"validation_fraction": 0, "cache_rate": 0.0, "output_dir": tmp_path, "affine_prob": 1.0}
    workflow = open_bundle(configs / "train_segmentation.yaml", **options)
    workflow.initialize()
    affine = workflow.parser.get_parsed_content("train#affine")
    label = torch.zeros(1, 24, 24, 24, dtype=torch.uint8)
    label[:, 4:18, 6:14, 8:20] = 2
    turned = affine({"image": 100.0 * label, "label": label})
    assert set(turned["label"].unique().tolist()) == {0, 2} and not torch.equal(turned["label"], label)
    assert ((turned["image"] > 100) == (turned["label"] == 2)).float().mean() > 0.98


def test_the_encoder_starts_from_a_pretraining_on_one_modality(train, run_config, configs, clips, patches, tmp_path):
    options = clips | {"max_epochs": 1, "channels": patches["channels"]}
    files = [configs / "pretrain.yaml", configs / "unet.yaml"]
    run_config(*files, output_dir=tmp_path / "pretrained", **options)
    path = tmp_path / "pretrained/model.pt"
    _, output_dir = train(pretrained_encoder=path, learning_rate=0.0, weight_decay=0.0)
    source = torch.load(path, weights_only=True)
    weights = torch.load(output_dir / "model.pt", weights_only=True)
    names = [name for name in weights if name.startswith("encoder.") and not name.endswith(("mean", "var", "tracked"))]
    (first,) = [name for name in names if weights[name].shape != source[f"encoder.{name}"].shape]
    assert all(torch.equal(weights[name], source[f"encoder.{name}"]) for name in names if name != first)
    # three equal modalities give what the one gave
    torch.testing.assert_close(weights[first].sum(1), source[f"encoder.{first}"].sum(1))


def test_evaluation_judges_on_the_grid_of_the_images(run_config, configs, patches, segmenter, without_record, tmp_path):
    overrides = patches | {"checkpoint": without_record(segmenter), "output_dir": tmp_path, "spacing": [1.5, 1.5, 1.5]}
    workflow = run_config(configs / "evaluate_segmentation.yaml", workflow_type="infer", **overrides)
    table = pd.read_csv(tmp_path / "lesions.csv")
    assert sorted(table["subject"]) == sorted(row["subject"] for row in held_out(patches))
    summary = json.loads((tmp_path / "report/metrics.json").read_text())
    assert summary["subjects"] == len(table)
    assert "LFPR" in (tmp_path / "report/report.md").read_text()
    assert workflow.evaluator.state.metrics["dsc"] == pytest.approx(table["dsc"].mean())


def test_evaluation_may_use_another_window_than_the_patches_of_the_training(open_bundle, configs, patches, segmenter):
    overrides = patches | {"checkpoint": segmenter, "window_size": [24, 16, 16]}
    workflow = open_bundle(configs / "evaluate_segmentation.yaml", workflow_type="infer", **overrides)
    workflow.initialize()
    assert list(workflow.evaluator.inferer.roi_size) == [24, 16, 16]


def test_inference_writes_the_masks_that_evaluation_judged(run_config, configs, patches, segmenter, exported, tmp_path):
    rows = [{key: row[key] for key in ("image", "subject")} for row in held_out(patches)]
    datalist = {"testing": [{**row, "session": "ses-01"} for row in rows]}
    for row in datalist["testing"]:
        row["image"] = [str(patches["dataset_dir"] / name) for name in row["image"]]
    (tmp_path / "datalist.json").write_text(json.dumps(datalist))
    options = {"dataset_dir": tmp_path, "checkpoint": exported, "roi_size": patches["roi_size"]}
    config = exported.with_name("inference_segmentation.json")
    run_config(config, workflow_type="infer", output_dir=tmp_path / "masks", **options)
    kept = tmp_path / "evaluation/masks"
    overrides = patches | {"checkpoint": segmenter, "output_dir": tmp_path / "evaluation", "masks": kept}
    run_config(configs / "evaluate_segmentation.yaml", workflow_type="infer", **overrides)
    table = pd.read_csv(tmp_path / "evaluation/lesions.csv").set_index("subject")
    for row in held_out(patches):
        mask = nib.load(tmp_path / f"masks/{row['subject']}_ses-01_lesions.nii.gz")
        image = nib.load(patches["dataset_dir"] / row["image"][0])
        np.testing.assert_allclose(mask.affine, image.affine, atol=1e-4)
        truth = nib.load(patches["dataset_dir"] / row["label"]).get_fdata()
        found = lesion_metrics(mask.get_fdata(), truth)
        assert found == pytest.approx(table.loc[row["subject"], list(found)].to_dict(), abs=1e-3)
        same = nib.load(kept / f"{row['subject']}_lesions.nii.gz")  # the phantoms have one session
        assert same.get_data_dtype() == np.uint8 and lesion_metrics(same.get_fdata(), truth) == found
    assert len(list((tmp_path / "masks").iterdir())) == len(list(kept.iterdir())) == len(rows)


def test_the_segmenter_that_ships_names_the_datalist_that_it_misses_and_the_remedy(run_config, configs, tmp_path):
    with pytest.raises(SystemExit, match=r"/datalist\.json: found no such file, .*name its folder by --dataset_dir$"):
        run_config(configs / "inference_segmentation.json", workflow_type="infer", dataset_dir=tmp_path)


def test_the_exported_segmenter_gives_the_logits_of_the_eager_one(exported, open_bundle, configs, patches, segmenter):
    overrides = patches | {"checkpoint": segmenter}
    workflow = open_bundle(configs / "evaluate_segmentation.yaml", workflow_type="infer", **overrides)
    workflow.initialize()
    eager, scripted = workflow.parser.get_parsed_content("trained").eval(), torch.jit.load(exported).eval()
    for shape in ((2, 3, 16, 16, 16), (1, 3, 17, 20, 30)):  # any size
        image = 255 * torch.rand(shape, generator=torch.Generator().manual_seed(0))
        with torch.no_grad():
            torch.testing.assert_close(scripted(image), eager(image), rtol=1e-4, atol=1e-5)


def test_the_exported_segmenter_has_the_data_format_of_its_own_training_and_keeps_it(exported, configs, patches):
    _, metadata, files = load_net_with_metadata(str(exported), more_extra_files=("inference_segmentation.json",))
    own = metadata["network_data_format"]
    image, pred = own["inputs"]["image"], own["outputs"]["pred"]
    assert (image["num_channels"], pred["num_channels"], pred["format"]) == (3, 2, "segmentation")
    assert image["spatial_shape"] == pred["spatial_shape"] == list(patches["roi_size"])
    assert metadata["task"].startswith("Segmentation") and metadata["eval_metrics"] == {"held_out_subjects": 0}
    assert json.loads(files["inference_segmentation.json"])["roi_size"] == list(patches["roi_size"])
    for form in (image, pred):
        form["spatial_shape"] = [32, 32, 32]  # instance normalisation needs more than one voxel at the bottom
    files = {"config_file": str(configs / "inference_segmentation.json"), "meta_file": str(configs / "metadata.json")}
    override = {"_meta_#network_data_format": own, "checkpoint": str(exported)}
    verify_net_in_out(net_id="network_def", **files, device="cpu", **override)
