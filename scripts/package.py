"""Package a trained classifier: for the MONAI model zoo, for MONAI Label, or for receivers who accept no code."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from common import InputError
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
    """Write the self-contained archive <output>/<name>.zip. The same inputs give the same bytes.

    Further options set ids of the configs to the values of the training, e.g. --image_size "[64,64]", and ids of the
    metadata: --_meta_#network_data_format#outputs#pred#channel_def "{0: stage I, 1: stage II}".

    Args:
        bundle: name of the bundle, e.g. liver_cgc.
        target: receiver of the archive: zoo (configs, library and all formats of the weights, for training, evaluation
            and inference), monailabel (for the stock monaibundle app), monailabel_segmentation (for that app, of a
            segmenter), monailabel_training (for training in that app), inference (no Python, only expressions on an
            allow-list), or hybrid (a classifier that measures radiomics itself, with Python and PyRadiomics).
        weights: model.pt of train.yaml, or TorchScript of a segmenter; default: that of the bundle.
        output: folder for the archive.
        name: name of the archive; default: that of the bundle, for targets other than zoo with _classification or
            _inference.
        calibration: calibration.json of scripts/calibrate.py; default: that of the bundle's own weights, or no
            calibration and no abstention.
        metrics: metrics.json of an evaluation (evaluate.yaml writes one into report/), for metadata and model card.
        run: output folder of train.yaml, for the provenance; default: folder of the weights.
        key: private Ed25519 key (PEM) to sign with.
        overlays: overlays of train.yaml in the training of the classifier, e.g. image_view.
        address: URL of the folder of the published archive and its large files.
        quiet: whether to hide the progress.
        **settings: ids of the configs and their values.
    """
    from common.deploy.consumers.monai_label_segmentation import TARGET, package_segmenter
    from common.deploy.package import package_bundle
    from common.deploy.packaging.hybrid_archive import TARGET as HYBRID
    from common.deploy.packaging.hybrid_archive import package_hybrid

    if target == HYBRID:
        if key or run or address:
            raise InputError(f"{HYBRID}: takes no key, run or address; leave them out")
        files: dict[str, Any] = {"calibration": calibration, "metrics": metrics}
        return package_hybrid(bundle, output, weights, name, **files, overlays=overlays, **settings)
    if target == TARGET:
        if settings or overlays:
            raise InputError(
                f"{TARGET}: takes no settings; the TorchScript of run exporting has its own; leave them out"
            )
        return package_segmenter(bundle, output, weights, name, key)
    return package_bundle(
        bundle,
        target,
        output,
        weights,
        name,
        calibration,
        run,
        key,
        metrics=metrics,
        overlays=overlays,
        address=address,
        progress=not quiet,
        **settings,
    )


if __name__ == "__main__":
    run_commands(package, show=lambda path: print(f"{path} ({path.stat().st_size / 1e6:.1f} MB)"))
