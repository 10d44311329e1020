"""The whole way on real MR volumes: gliomas in three sequences stand in for livers, and CHAOS's livers for geometry."""

from __future__ import annotations

import json

import nibabel as nib
import numpy as np
import pandas as pd
import pytest

from common.data.cohorts import lgg_datalist
from tests.bundles.commands import run_bundle

MODALITIES = ["flair", "t1pre", "t1post"]


@pytest.fixture(scope="module")
def cohort(shared_data, tmp_path_factory):
    """Folder of a datalist of 24 complete patients: three of each grade in each of four folds."""
    folder = tmp_path_factory.mktemp("lgg")
    lgg_datalist(shared_data / "lgg_96", folder / "all.json", incomplete="drop", num_folds=4)
    content = json.loads((folder / "all.json").read_text())
    rows = content["training"]
    content["training"] = [
        row
        for fold in range(4)
        for label in (0, 1)
        for row in [row for row in rows if (row["fold"], row["label"]) == (fold, label)][:3]
    ]
    (folder / "datalist.json").write_text(json.dumps(content))
    return folder


@pytest.fixture
def options(cohort, tiny, tmp_path):
    """Overrides for the gliomas: the mask is a tumour's, so it chooses the slice and hides nothing."""
    own = {"dataset_dir": cohort, "cache_dir": tmp_path / "cache", "modalities": MODALITIES, "apply_mask": "false"}
    own |= {"mean": [0.25, 0.25, 0.25], "std": [0.2, 0.2, 0.2]}  # those of the config are of T1, T2 and OUT
    return tiny | own


@pytest.mark.slow
def test_pretraining_features_probe_fine_tuning_and_explanation_run_on_real_mr(options, configs, run_config, tmp_path):
    pretrained = tmp_path / "pretrain"
    files = [configs / "pretrain.yaml", configs / "simsiam_mda.yaml"]
    run_config(*files, output_dir=pretrained, **options | {"max_epochs": 2, "batch_size": 6})
    metrics = pd.read_csv(pretrained / "metrics.csv")
    assert metrics["loss"].between(0, 8).all() and metrics["feature_std"].gt(0).all()
    features = options | {"checkpoint": pretrained / "model.pt", "output_dir": tmp_path / "features"}
    run_config(configs / "extract_features.yaml", workflow_type="infer", transductive="true", **features)
    probe = {"modalities": MODALITIES, "features_dir": tmp_path / "features", "num_workers": 1}
    tables = {f"SimSiam+ ({name})": str(tmp_path / f"features/learnt_all_{name}.csv") for name in MODALITIES}
    probe |= {"dataset_dir": options["dataset_dir"], "transductive": "true", "learnt_tables": tables}
    result = run_bundle("evaluating", [configs / "linear_probe.yaml"], output_dir=tmp_path / "probe", **probe)
    assert result.returncode == 0, result.stderr
    summary = json.loads((tmp_path / "probe/metrics.json").read_text())
    assert summary["subjects"] == 24 and summary["majority_class"]["accuracy"]["value"] == pytest.approx(0.5)
    trained = tmp_path / "train"
    training = {"pretrained_encoder": pretrained / "model.pt", "max_epochs": 1, "batch_size": 6}
    run_config(configs / "train.yaml", output_dir=trained, **options | training)
    evaluation = options | {"checkpoint": trained / "model.pt"}
    run_config(configs / "evaluate.yaml", workflow_type="infer", output_dir=tmp_path / "evaluate", **evaluation)
    assert len(pd.read_csv(tmp_path / "evaluate/predictions.csv")) == 6
    run_config(configs / "explain.yaml", workflow_type=None, output_dir=tmp_path / "explain", **evaluation)
    inside = pd.read_csv(tmp_path / "explain/explanations.csv")["energy_inside"]
    assert len(inside) == 6 * 3 and inside.dropna().between(0, 1).all()


def test_the_slice_with_most_tumour_is_taken(options, configs, open_bundle, tmp_path):
    overrides = options | {"image_size": [96, 96], "output_dir": tmp_path, "batch_size": 6, "cache_rate": 0.0}
    workflow = open_bundle(configs / "pretrain.yaml", **overrides)
    workflow.initialize()
    for position in (0, 7):
        row = workflow.train_dataset.data[position]
        mask = nib.as_closest_canonical(nib.load(row["mask"])).get_fdata()
        index = int((mask > 0).sum((0, 1)).argmax())
        found = workflow.train_dataset[position]["image"].numpy()
        for channel, path in enumerate(row["image"]):
            plane = nib.as_closest_canonical(nib.load(path)).get_fdata(dtype=np.float32)[:, :, index]
            expected = (plane - plane.min()) / (plane.max() - plane.min())
            np.testing.assert_allclose(found[channel], expected, atol=1e-5)


def test_the_liver_of_chaos_is_cut_out_of_the_slice_that_shows_most_of_it(
    shared_data, configs, open_bundle, tiny, tmp_path
):
    folder = shared_data / "chaos_t2spir"
    files = [(path, folder / path.name.replace("image", "label")) for path in sorted(folder.glob("image_*.nii.gz"))[:4]]
    rows = []
    for number, (image, mask) in enumerate(files):
        images = [tmp_path / f"{modality}_{image.name}" for modality in ("t1", "t2", "out")]
        for path in images:
            path.symlink_to(image.resolve())
        row = {"image": list(map(str, images)), "mask": str(mask), "subject": image.name[6:8]}
        rows.append({**row, "label": 0, "fold": number})
    (tmp_path / "datalist.json").write_text(json.dumps({"training": rows}))
    options = {"dataset_dir": tmp_path, "output_dir": tmp_path, "batch_size": 2, "cache_rate": 0.0}
    options |= {"organ_label": 1, "mask_label": 1, "transductive": "true", "image_size": [200, 200]}
    workflow = open_bundle(configs / "pretrain.yaml", **tiny | options)
    workflow.initialize()
    for position, (_, mask) in enumerate(files):
        liver = nib.load(mask).get_fdata() == 1
        scale = 200 / max(*liver.shape[:2], 200)  # larger images are resized, smaller ones padded
        found = workflow.train_dataset[position]["image"]
        assert found.shape == (3, 200, 200) and 0.3 < found.max() <= 1
        # resizing by area smears the edge by part of a pixel
        assert float((found[0] > 0).sum()) == pytest.approx(liver.sum((0, 1)).max() * scale**2, rel=0.15)
