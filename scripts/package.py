"""Package a trained classifier: for the MONAI model zoo, for MONAI Label, or for those who accept no code."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Any

import fire

from common import brief_input_errors
from common.deploy.package import package_bundle
from common.evaluation.protocols.read_methods import several


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
    overlays: Sequence[str] | str = (),
    address: str | None = None,
    quiet: bool = False,
    **settings: Any,
) -> None:
    """Write <output>/<name>.zip, which works alone. The same inputs give the same bytes.

    Further flags set ids of the configs as the classifier was trained with them, e.g. --image_size "[64,64]", and ids
    of the metadata: --_meta_#network_data_format#outputs#pred#channel_def "{0: stage I, 1: stage II}".

    Args:
        bundle: name of the bundle, e.g. liver_cgc.
        target: zoo (configs, library and all formats of the weights: trains, evaluates and infers), monailabel (for the
            stock monaibundle app), monailabel_training (for that app, to train there) or inference (no Python, no
            expressions beyond a list).
        weights: model.pt of train.yaml; by default models/model.pt of the bundle.
        output: folder for the archive.
        name: of the archive; by default the bundle's, for targets other than zoo with _classification or _inference.
        calibration: calibration.json of scripts/calibrate.py; without it nothing is calibrated and no case uncalled.
        metrics: metrics.json of an evaluation (evaluate.yaml writes one into report/), for metadata and model card.
        run: output folder of train.yaml, for the provenance; by default the weights' folder.
        key: private Ed25519 key (PEM) to sign with.
        overlays: of train.yaml, with which the classifier was trained, e.g. image_view.
        address: URL of the folder where the archive and its large files will be.
        quiet: no progress.
        **settings: ids of the configs and their values.
    """
    files = {"weights": weights, "calibration": calibration, "metrics": metrics, "run": run, "key": key}
    path = package_bundle(
        bundle,
        target,
        output,
        name=name,
        overlays=several(overlays),
        address=address,
        progress=not quiet,
        **files,
        **settings,
    )
    print(f"{path} ({path.stat().st_size / 1e6:.1f} MB)")


def main(words: list[str]) -> None:
    """Run the command line ``words``."""
    if {"-h", "--help"} & set(words):  # Fire would take it for an id of the configs
        words = ["--", "--help"]
    fire.Fire(package, words)


if __name__ == "__main__":
    brief_input_errors()
    main(sys.argv[1:])
