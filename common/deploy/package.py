"""From trained weights to one archive that works alone."""

from __future__ import annotations

import re
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ..bundle_configs import BundleConfigs
from ..errors import InputError
from ..temporary import temporary_folder
from .consumers.monai_label import write_monai_label
from .consumers.monai_label_training import write_monai_label_training
from .packaging.archive_configs import as_json, portable_settings, write_configs
from .packaging.documents import write_documents
from .packaging.formats import FORMATS, write_formats
from .packaging.large_files import write_large_files
from .packaging.model_info import ZOO_ADDRESS, write_model_info
from .packaging.plain_inference import plain_inference
from .packaging.trained_classifier import TrainedClassifier, read_classifier
from .verification.archive import write_archive
from .verification.manifest import write_manifest
from .verification.scan import scan_folder
from .verification.signature import read_private_key, sign

__all__ = ["TARGETS", "package_bundle"]

#: Default name of an archive, derived from its bundle's, and the formats in which it contains the weights.
TARGETS: dict[str, tuple[str, tuple[str, ...]]] = {
    "zoo": ("{bundle}", tuple(FORMATS)),
    "monailabel": ("{bundle}_classification", ("model.ts",)),
    "inference": ("{bundle}_inference", tuple(name for name in FORMATS if name != "model.pt")),
    "monailabel_training": ("{bundle}_classification", ("model.pt",)),
}


def package_bundle(
    bundle: str | Path,
    target: str,
    output: str | Path = "dist",
    weights: str | Path | None = None,
    name: str | None = None,
    calibration: str | Path | None = None,
    run: str | Path | None = None,
    key: str | Path | None = None,
    *,
    metrics: str | Path | None = None,
    overlays: Sequence[str] = (),
    address: str | None = None,
    progress: bool = False,
    **settings: Any,
) -> Path:
    """Write the archive of a trained classifier for one kind of recipient.

    The same inputs give the same bytes. Nothing is left behind when a step fails.

    Args:
        bundle: name or folder of the bundle.
        target: ``zoo``: everything, with the parts of this package that are needed; ``monailabel``: for the stock
            ``monaibundle`` app; ``inference``: no Python, for recipients who accept none; ``monailabel_training``: for
            that app too, including what is needed to continue training.
        output: folder for the archive, ``<name>.zip``; for the zoo also for its ``model_info.json``.
        weights: ``model.pt`` written by ``train.yaml``; by default ``models/model.pt`` of the bundle.
        name: name of the archive and of the folder in it; by default derived from the bundle's, see :data:`TARGETS`.
        calibration: ``calibration.json`` of ``scripts/calibrate.py``; without it the classifier never abstains.
        run: output folder of ``train.yaml``, for the provenance; by default the weights' folder if it is one.
        key: private Ed25519 key (PEM) that signs the manifest.
        metrics: ``metrics.json`` of an evaluation on held-out subjects.
        overlays: overlays of ``train.yaml`` used in training.
        address: URL of the folder where the archive and its large files will be.
        progress: whether to print each step to stderr.
        settings: config ids set in training, and their values; ids of metadata begin with ``_meta_#``.

    Returns:
        Path of the zip.

    Raises:
        InputError: see :func:`~common.deploy.packaging.trained_classifier.read_classifier` and
            :func:`~common.deploy.packaging.formats.write_formats`; the target is unknown; the target does not allow
            the name; the archive contains something that the target's recipients would refuse.
    """
    if target not in TARGETS:
        raise InputError(f"{target}: no target; expected one of {', '.join(TARGETS)}; correct it")
    folder, (pattern, formats) = BundleConfigs(bundle).root, TARGETS[target]
    name = _checked(name or pattern.format(bundle=folder.name), target)
    if key is not None:
        read_private_key(key)
    portable, own_files = portable_settings(settings)
    say = _Steps(f"{name}.zip", progress)
    say("reading configs and weights, running the network on reference inputs")
    files = {"calibration": calibration, "metrics": metrics}
    classifier = read_classifier(folder, weights, overlays=overlays, settings=portable, **files)
    Path(output).mkdir(parents=True, exist_ok=True)
    with temporary_folder(output, f".{name}.") as temporary:
        archive = temporary / name
        _write_weights(classifier, archive, formats, progress)
        say("writing configs and documents")
        _write_configs(classifier, archive, target, own_files)
        write_documents(classifier, archive, target=target, formats=formats, run=run, settings=settings)
        say("scanning, hashing and zipping")
        _seal(archive, target, key, address)
        path = write_archive(archive, Path(output) / f"{name}.zip")
    if target == "zoo":
        version = classifier.metadata["version"]
        write_model_info(Path(output) / "model_info.json", path, version, address or ZOO_ADDRESS)
    return path


class _Steps:
    """Prints each step to stderr."""

    def __init__(self, name: str, progress: bool) -> None:
        self.name, self.progress = name, progress

    def __call__(self, text: str) -> None:
        if self.progress:
            print(f"{self.name}: {text}", file=sys.stderr, flush=True)


def _checked(name: str, target: str) -> str:
    if not re.fullmatch(r"[A-Za-z]\w*", name, re.ASCII):
        raise InputError(f"{name}: no name of an archive; expected letters, digits and _; give another --name")
    if target.startswith("monailabel") and not name.endswith("_classification"):
        raise InputError(
            f"{name}: MONAI Label would take it for a segmentation; expected a name that ends in _classification; give "
            "another --name"
        )
    return name


def _write_weights(classifier: TrainedClassifier, archive: Path, formats: Sequence[str], progress: bool) -> None:
    contents = {"metadata": classifier.metadata, "inference": plain_inference(classifier.configs["inference"])}
    write_formats(
        classifier.network,
        classifier.reference_inputs,
        archive / "models",
        formats=formats,
        extra_files={f"{name}.json": as_json(content) for name, content in contents.items()},
        progress=progress,
    )


def _write_configs(classifier: TrainedClassifier, archive: Path, target: str, files: Mapping[str, Path]) -> None:
    if target == "monailabel":
        write_monai_label(classifier.bundle, archive, classifier.configs, classifier.metadata)
    elif target == "monailabel_training":
        write_monai_label_training(classifier, archive)
    else:
        write_configs(classifier, archive, files if target == "zoo" else None)


def _seal(archive: Path, target: str, key: str | Path | None, address: str | None) -> None:
    """Scan the archive, write its manifest and sign it, so that later changes are detected."""
    if target == "zoo":
        write_large_files(archive, address or "")
    elif target != "monailabel_training" and (problems := scan_folder(archive)):
        raise InputError.of_rows(f"{archive.name}: not packaged, as receivers would refuse it", problems)
    write_manifest(archive)
    if key is not None:
        sign(archive, key)
