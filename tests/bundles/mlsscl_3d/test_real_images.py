"""The whole way on real images: T1 of OASIS, adrenal shapes, and the lesions of one patient with MS."""

from __future__ import annotations

import json

import nibabel as nib
import numpy as np
import pandas as pd
import pytest
import torch

from common.data.cohorts import npz_datalist, oasis_datalist


@pytest.fixture
def volumes(tiny, tmp_path):
    """Overrides of any config of classification for volumes of 32^3 voxels, without a cohort."""
    return {key: tiny[key] for key in ("channels", "quiet")} | {"cache_dir": tmp_path / "cache", "amp": "false"}


@pytest.mark.slow
def test_pretraining_on_t1_of_oasis_gives_a_segmenter_of_ms_lesions(
    shared_data, configs, run_config, volumes, tmp_path
):
    path = tmp_path / "oasis/datalist.json"
    oasis_datalist(shared_data / "oasis_t1_2mm", path, num_folds=4)
    rows = json.loads(path.read_text())["training"]
    twice = [row["subject"] for row in rows]
    assert len(set(twice)) == len(twice) - 2  # two people were scanned twice
    clips = {"num_slices": 8, "long_stride": 4, "short_stride": 1, "clip_size": [32, 32], "batch_size": 4}
    options = volumes | clips | {"dataset_dir": path.parent, "image_size": [32, 32, 32], "max_epochs": 2}
    files = [configs / "pretrain.yaml", configs / "unet.yaml"]
    run_config(*files, output_dir=tmp_path / "pretrain", **options)
    metrics = pd.read_csv(tmp_path / "pretrain/metrics.csv")
    assert metrics["loss"].iloc[-1] > 0 and metrics["effective_rank"].gt(2).all()

    cohort = open_ms_halves(shared_data / "open_ms/mni_patient07", tmp_path / "ms")
    patches = {"dataset_dir": cohort, "roi_size": [16, 16, 16], "in_channels": 4, "validation_fraction": 0}
    start = {"pretrained_encoder": tmp_path / "pretrain/model.pt", "max_epochs": 2, "batch_size": 1}
    run_config(configs / "train_segmentation.yaml", output_dir=tmp_path / "train", **volumes | patches | start)
    judge = {"dataset_dir": cohort, "in_channels": 4}
    judge |= {"checkpoint": tmp_path / "train/model.pt", "output_dir": tmp_path / "evaluate", "overlap": 0.0}
    run_config(configs / "evaluate_segmentation.yaml", workflow_type="infer", **volumes | judge)
    table = pd.read_csv(tmp_path / "evaluate/lesions.csv")
    assert list(table["subject"]) == ["right"] and table[["dsc", "ppv", "ltpr", "lfpr"]].stack().between(0, 1).all()


def open_ms_halves(source, folder):
    """Every third voxel of the patient's hemispheres as two subjects: train on the left one, judge the right one."""
    folder.mkdir()
    rows = []
    for name, part in (
        ("left", slice(0, 91, 3)),
        ("right", slice(91, None, 3)),
    ):  # the files' first axis runs right to left
        paths = []
        for file in ("T1", "T1POST", "T2", "FLAIR", "lesions"):
            image = nib.load(source / f"{file}.nii.gz").slicer[part, ::3, ::3]
            paths.append(f"{name}_{file}.nii.gz")
            nib.save(nib.Nifti1Image(np.asarray(image.dataobj), image.affine), folder / paths[-1])
        rows.append({"image": paths[:-1], "label": paths[-1], "subject": name, "fold": int(name == "left")})
    (folder / "datalist.json").write_text(json.dumps({"training": rows}))
    return folder


@pytest.mark.slow
def test_adrenal_shapes_are_classified_with_a_part_of_the_labels(shared_data, configs, run_config, volumes, tmp_path):
    archive = np.load(shared_data / "medmnist/adrenalmnist3d_64_trainval.npz")
    few = np.concatenate([np.flatnonzero(archive["train_labels"] == label)[:10] for label in (0, 1)])
    parts = {"train_images": archive["train_images"][few], "train_labels": archive["train_labels"][few]}
    np.savez(tmp_path / "few.npz", **parts, val_images=parts["train_images"][:1], val_labels=parts["train_labels"][:1])
    npz_datalist(tmp_path / "few.npz", tmp_path / "cohort", class_names=("normal", "hyperplasia"), num_folds=4)
    options = volumes | {"dataset_dir": tmp_path / "cohort"}
    files = [configs / "pretrain.yaml", configs / "adrenal.yaml"]
    pretraining = {"max_epochs": 1, "batch_size": 5, "output_dir": tmp_path / "pretrain"}
    workflow = run_config(*files, **options | pretraining)
    clip = workflow.train_dataset[0]["axial"]
    assert clip.shape == (1, 16, 64, 64) and set(clip.unique().tolist()) == {0, 255}
    training = {"label_fraction": 0.5, "validation_fraction": 0, "max_epochs": 1, "output_dir": tmp_path / "train"}
    training |= {"pretrained_encoder": tmp_path / "pretrain/model.pt"}
    run_config(configs / "train.yaml", configs / "adrenal.yaml", **options | training)
    judge = {"checkpoint": tmp_path / "train/model.pt", "output_dir": tmp_path / "evaluate"}
    files = [configs / "evaluate.yaml", configs / "adrenal.yaml"]
    run_config(*files, workflow_type="infer", **options | judge)
    table = pd.read_csv(tmp_path / "evaluate/predictions.csv")
    assert 4 <= len(table) <= 6 and table["label"].nunique() == 2
    weights = torch.load(tmp_path / "train/model.pt", weights_only=True)
    assert all(value.isfinite().all() for value in weights.values())
