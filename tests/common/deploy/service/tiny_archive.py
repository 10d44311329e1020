"""The archive of a tiny classifier of one series."""

from __future__ import annotations

from pathlib import Path

from common.deploy.verification.archive import write_archive
from common.networks import CalibratedSoftmax
from tests.bundles.bundle_files import BUNDLES
from tests.common.deploy.made_studies import random_network, write_archive_folder

BUNDLE = next(bundle for bundle in BUNDLES if bundle.name == "mlsscl_3d")


def write_tiny_archive(folder: Path) -> Path:
    """Write ``toy.zip`` to a folder."""
    folder.mkdir(parents=True, exist_ok=True)
    weights = random_network(folder / "model.ts", (1, 8, 8, 8), 2, CalibratedSoftmax(threshold=0.0))
    return write_archive(write_archive_folder(folder / "toy", BUNDLE, weights), folder / "toy.zip")
