"""Package a trained classifier: for the MONAI model zoo, for MONAI Label, or for those who accept no code."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from common.command_line import run_commands


def package(
    bundle: str,
    target: str,
    weights: str | None = None,
    output: str = "dist",
    name: str | None = None,
    calibration: str | None = None,
    metrics: str | None = None,
    run: str | None = None,
    key: str | None = None,
    overlays: Sequence[str] = (),
    address: str | None = None,
    quiet: bool = False,
    **settings: Any,
) -> Path:
    """Write <output>/<name>.zip, which works alone. The same inputs give the same bytes.

    Further options set ids of the configs as the classifier was trained with them, e.g. --image_size "[64,64]", and ids
    of the metadata: --_meta_#network_data_format#outputs#pred#channel_def "{0: stage I, 1: stage II}".

    Args:
        bundle: name of the bundle, e.g. liver_cgc.
        target: receiver of the archive: zoo (configs, library and all formats of the weights: trains, evaluates and
            infers), monailabel (for the stock monaibundle app), monailabel_training (for that app, to train there) or
            inference (no Python, no expressions beyond a list).
        weights: model.pt of train.yaml; default: models/model.pt of the bundle.
        output: folder for the archive.
        name: name of the archive; default: the bundle's, for targets other than zoo with _classification or _inference.
        calibration: calibration.json of scripts/calibrate.py; without it nothing is calibrated and no case uncalled.
        metrics: metrics.json of an evaluation (evaluate.yaml writes one into report/), for metadata and model card.
        run: output folder of train.yaml, for the provenance; default: the weights' folder.
        key: private Ed25519 key (PEM) to sign with.
        overlays: overlays of train.yaml with which the classifier was trained, e.g. image_view.
        address: URL of the folder where the archive and its large files will be.
        quiet: whether to show no progress.
        **settings: ids of the configs and their values.
    """
    from common.deploy.package import package_bundle

    files = {"weights": weights, "calibration": calibration, "metrics": metrics, "run": run, "key": key}
    options = {"name": name, "overlays": overlays, "address": address, "progress": not quiet}
    return package_bundle(bundle, target, output, **options, **files, **settings)


if __name__ == "__main__":
    run_commands(package, show=lambda path: print(f"{path} ({path.stat().st_size / 1e6:.1f} MB)"))
