from __future__ import annotations

import json
import re
import shutil
import zipfile

import nibabel as nib
import numpy as np
import pytest
import torch
from monai.inferers import SlidingWindowInferer

from common.deploy.consumers.monai_label_segmentation import package_segmenter, segmenter_config
from common.deploy.prediction.segmenter import open_segmenter
from common.deploy.verification.archive import open_archive
from common.deploy.verification.release import check_release
from common.deploy.verification.scan import scan_folder
from common.errors import InputError
from common.files import file_digest
from common.references import evaluated
from tests.bundles.bundle_files import BUNDLES, read_config

MLSSCL = next(bundle for bundle in BUNDLES if bundle.name == "mlsscl_3d")
SECTIONS = ("Data", "Training", "Input and output", "Scores", "Calibration and abstaining", "Commands", "TensorRT")
SECTIONS += ("Limits", "Failure modes", "Files", "References", "License")


@pytest.fixture(scope="module")
def archive(tmp_path_factory):
    return package_segmenter("mlsscl_3d", tmp_path_factory.mktemp("segmenter"))


def test_an_archive_of_the_segmenter_holds_no_code_and_describes_the_segmenter_alone(archive):
    with open_archive(archive) as folder:
        assert folder.name == "mlsscl_3d_segmentation" and scan_folder(folder) == []
        metadata, inference = (
            json.loads((folder / f"configs/{k}.json").read_text()) for k in ("metadata", "inference")
        )
        files = {"metadata.json": "", "inference.json": ""}
        torch.jit.load(folder / "models/model.ts", _extra_files=files)
        card = (folder / "docs/README.md").read_text()
    assert json.loads(files["metadata.json"]) == metadata and json.loads(files["inference.json"]) == inference
    assert metadata["name"] == "Hippocampus segmenter" and metadata["eval_metrics"]["dice"] == 0.885
    assert "adrenal" not in json.dumps({**metadata, "changelog": None, "dicom_rules": None}).lower()
    assert list(metadata["required_packages_version"]) == ["nibabel"] and "## Failure modes" in card


def test_an_archive_names_its_release_and_origin_and_says_how_it_is_used(archive):
    with open_archive(archive) as folder:
        check_release(folder, "mlsscl_3d>=0.2.0")
        with pytest.raises(InputError, match=r"^docs/provenance\.json: mlsscl_3d .*; expected mlsscl_3d<0.1"):
            check_release(folder, "mlsscl_3d<0.1")
        origin = json.loads((folder / "docs/provenance.json").read_text())
        text = (folder / "docs/README.md").read_text()
    assert origin["weights"] == {
        "name": "segmenter.ts",
        "sha256": file_digest(MLSSCL / "models/segmenter.ts", "sha256"),
    }
    assert re.findall(r"^## (.+)$", text, re.MULTILINE) == list(SECTIONS)
    assert "/infer/mlsscl_3d_segmentation?image=patient7&output=image" in text and "scripts/segment.py" in text
    assert not re.search(r"\{\{|\{%|undefined", text)


def test_a_segmenter_of_another_modality_has_a_rule_for_it_and_is_opened(tmp_path):
    own = MLSSCL / "models/segmenter.ts"
    extra = {"inference_segmentation.json": "", "metadata.json": ""}
    network = torch.jit.load(own, _extra_files=extra)
    metadata = json.loads(extra["metadata.json"])
    metadata["network_data_format"]["inputs"]["image"]["channel_def"] = {"0": "DWI"}
    extra["metadata.json"] = json.dumps(metadata)
    torch.jit.save(network, tmp_path / "segmenter.ts", _extra_files=extra)
    archive = package_segmenter("mlsscl_3d", tmp_path, tmp_path / "segmenter.ts")
    with open_segmenter(archive, device="cpu") as segmenter:
        assert [*segmenter.rules] == ["DWI"] and "DWI" in segmenter.rules["DWI"].texts["SeriesDescription"].pattern


def test_the_same_weights_give_the_same_bytes(archive, tmp_path):
    assert package_segmenter("mlsscl_3d", tmp_path).read_bytes() == archive.read_bytes()


def test_the_label_map_has_the_grid_of_an_image_that_preprocessing_turns(tmp_path):
    voxels = np.zeros((20, 30, 24), np.float32)
    voxels[2:6, 10:20, 3:9] = 100
    affine = np.array([[0, -1, 0, 5], [-1, 0, 0, 7], [0, 0, 1, 9], [0, 0, 0, 1.0]])
    nib.save(nib.Nifti1Image(voxels, affine), tmp_path / "image.nii.gz")
    config = segmenter_config(read_config(MLSSCL / "configs/inference_segmentation.json"))
    both = evaluated({**config, "_": ["@preprocessing", "@postprocessing"]}, "_")  # as the app: of one parser
    row = both[0]({"image": str(tmp_path / "image.nii.gz"), "other": 1})
    assert row["other"] == 1 and row["image"].shape != (1, 20, 30, 24)
    network = lambda image: torch.cat([image < 50, image >= 50], 1).float()  # noqa: E731
    row["pred"] = SlidingWindowInferer((16, 16, 16))(row["image"][None], network)[0]
    found = both[1](row)["pred"]
    assert found.shape == (1, 20, 30, 24)
    np.testing.assert_array_equal(found[0].numpy() > 0.5, voxels > 50)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"bundle": "liver_cgc"}, "liver_cgc: no configs/inference_segmentation.json"),
        ({"name": "hippocampus"}, "hippocampus: no name of a segmenter's archive"),
        ({"name": "deepedit_segmentation"}, "deepedit_segmentation: no name of a segmenter's archive"),
        ({"weights": "none.ts"}, r"none\.ts: no such file; expected TorchScript of run exporting"),
        ({"weights": MLSSCL / "models/model.ts"}, "no inference_segmentation in it"),
        ({"weights": MLSSCL / "LICENSE"}, "no TorchScript; expected what run exporting wrote"),
        ({"key": "none.pem"}, "private Ed25519 key"),
    ],
)
def test_what_is_no_segmenter_is_refused_in_one_line(options, message, tmp_path):
    with pytest.raises(InputError, match=message) as refused:
        package_segmenter(**{"bundle": "mlsscl_3d", "output": tmp_path, **options})
    assert "\n" not in str(refused.value) and not list(tmp_path.iterdir())


def test_torchscript_with_code_is_not_packaged(tmp_path):
    weights = shutil.copy(MLSSCL / "models/segmenter.ts", tmp_path / "segmenter.ts")
    with zipfile.ZipFile(weights, "a") as file:
        file.writestr("segmenter/run.py", "1")
    with pytest.raises(InputError, match="not packaged, as receivers would refuse it"):
        package_segmenter("mlsscl_3d", tmp_path / "out", weights)
    assert not list((tmp_path / "out").iterdir())


def test_a_bundle_without_weights_of_its_own_takes_those_that_are_named(tmp_path):
    bundle = shutil.copytree(MLSSCL, tmp_path / "mlsscl_3d", ignore=shutil.ignore_patterns("models"))
    path = package_segmenter(bundle, tmp_path / "out", MLSSCL / "models/segmenter.ts")
    with zipfile.ZipFile(path) as archive:
        metadata = json.loads(archive.read("mlsscl_3d_segmentation/configs/metadata.json"))
    assert metadata["task"].startswith("Segmentation")
