"""Commands that only predict start without packages that they never use; seen in new processes."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from common.deploy.prediction.classifier import open_classifier
from common.deploy.prediction.quick_start import _UNUSED
from tests.bundles.bundle_files import BUNDLES

BUNDLE = next(bundle for bundle in BUNDLES if bundle.name == "siam3d_imbalance")
SCRIPT = """
import sys
from common.deploy.prediction.quick_start import import_monai
import_monai()
import common.deploy.prediction.predict, common.deploy.prediction.segment, common.transforms
print(*(name for name in sys.argv[1].split(",") if name in sys.modules))
import monai, torch
from monai.visualize import OcclusionSensitivity
network = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(64, 2))
print(tuple(OcclusionSensitivity(network, mask_size=4)(torch.ones(1, 1, 8, 8))[0].shape))
import ignite, matplotlib, pandas, scipy.signal, scipy.stats
print("imported afterwards", len(sys.meta_path), type(sys.meta_path[0]).__name__)
"""


def test_unused_packages_are_not_imported_with_monai_and_can_be_imported_afterwards(project):
    command = [sys.executable, "-c", SCRIPT, ",".join(_UNUSED)]
    lines = subprocess.run(command, cwd=project, capture_output=True, text=True, check=True).stdout.splitlines()
    assert lines[:2] == ["", "(1, 2, 8, 8)"]
    assert lines[2].startswith("imported afterwards ") and not lines[2].endswith("_Missing")


@pytest.mark.slow
def test_a_new_process_predicts_what_a_process_with_all_packages_does(project, tmp_path):
    words = ["scripts/predict.py", BUNDLE, BUNDLE / "samples/datalist.json", tmp_path / "out", "--num_workers", "0"]
    subprocess.run([sys.executable, *map(str, words)], cwd=project, capture_output=True, check=True)
    results = json.loads((tmp_path / "out/results.json").read_text())["results"]
    rows = json.loads((BUNDLE / "samples/datalist.json").read_text())["testing"]
    with open_classifier(BUNDLE, device="cpu") as classifier:
        for row, result in zip(rows, results, strict=True):
            files = {key: str(BUNDLE / "samples" / row[key]) for key in ("image", "mask")}
            image = classifier.preprocessing({**files, "subject": row["subject"]})["image"]
            assert result["study"] == row["subject"]
            assert result["probabilities"] == pytest.approx(classifier(image).probabilities, abs=1e-6)
