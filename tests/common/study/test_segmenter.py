"""The trial of a segmenter."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from types import SimpleNamespace

import nibabel
import numpy as np
import pytest

from common.bundle_configs import BundleConfigs
from common.deploy.prediction.segmenter import is_segmenter
from common.deploy.verification.archive import open_archive
from common.deploy.verification.release import check_release
from common.deploy.verification.scan import scan_folder
from common.errors import InputError
from common.study.segmenter import _scores, export_segmenter
from common.study.trial import check_weights

BUNDLE = Path(__file__).parents[3] / "bundles/mlsscl_3d"


def export(weights: Path, torchscript: Path) -> None:
    """Stand-in for an export: the shipped segmenter."""
    shutil.copyfile(BUNDLE / "models/segmenter.ts", torchscript)


def test_the_archive_is_taken_by_those_who_accept_no_code_and_has_the_scores_of_the_study(tmp_path):
    metrics = tmp_path / "metrics.json"
    result = {"set": "MLSSCL", "metrics": {"dice": {"value": 0.81234}, "hd95": {"value": None}}}
    metrics.write_text(json.dumps({"subjects": 12, "results": [result]}))
    training = SimpleNamespace(export=export, configs=BundleConfigs("mlsscl_3d"))
    archive = export_segmenter(tmp_path, training, metrics)
    with open_archive(archive) as root:
        check_release(root, "mlsscl_3d>=0.2.0")
        assert is_segmenter(root) and not scan_folder(root)
        metadata = json.loads((root / "configs/metadata.json").read_text())
    assert metadata["name"] == "Segmenter of anterior, posterior"
    assert metadata["eval_metrics"] == {"held_out_subjects": 12, "dice": 0.8123}
    assert metadata["task"].endswith("by a 3D U-Net: MLSSCL")
    check_weights(archive, tmp_path / "segmenter.ts")
    with pytest.raises(InputError, match=r"made of weights with the hash \w{64}; expected \w{64}, that of .*metrics"):
        check_weights(archive, metrics)


def test_the_dice_of_a_case_is_that_of_its_own_subject(tmp_path):
    rows = []
    for subject, hit in (("1", 1), ("10", 0), ("[1]", 1)):
        truth = np.zeros((4, 4, 4), np.uint8)
        truth[0] = 1
        for name, voxels in ((f"{subject}.nii.gz", truth), (f"{subject}_lesions.nii.gz", truth * hit)):
            nibabel.save(nibabel.Nifti1Image(voxels, np.eye(4)), tmp_path / name)
        rows.append({"subject": subject, "label": tmp_path / f"{subject}.nii.gz"})
    assert [case["dice"] for case in _scores(rows, tmp_path)] == [1.0, 0.0, 1.0]
    with pytest.raises(InputError, match="no segmentation of 2; expected one"):
        list(_scores([{"subject": "2", "label": tmp_path / "1.nii.gz"}], tmp_path))
