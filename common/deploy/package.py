"""From trained weights to one archive that works alone."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from ..bundle_configs import BundleConfigs
from ..errors import InputError
from ..files import check_folder
from ..temporary import temporary_folder
from .consumers.monai_label import check_name, write_monai_label
from .consumers.monai_label_training import write_monai_label_training
from .packaging.archive_configs import as_json, portable_settings, write_configs
from .packaging.documents import write_documents
from .packaging.formats import FORMATS, write_formats
from .packaging.large_files import write_large_files
from .packaging.model_info import ZOO_ADDRESS, write_model_info
from .packaging.plain_inference import plain_inference
from .packaging.trained_classifier import TrainedClassifier, read_classifier, recorded_settings, weights_file
from .packaging.versions import with_packages
from .verification.archive import write_archive
from .verification.manifest import write_manifest
from .verification.scan import scan_folder
from .verification.signature import read_private_key, sign

__all__ = ["TARGETS", "Target", "package_bundle"]

Writer = Callable[[TrainedClassifier, Path, Mapping[str, Path]], None]


@dataclass(frozen=True)
class Target:
    """A kind of recipient, and the contents of its archives.

    Attributes:
        name: default name of an archive, in which ``{bundle}`` is the bundle's.
        formats: formats of the weights.
        write_configs: function that writes configs, and code if any, of the classifier into the archive's folder; its
            third argument has the files given as settings, by their path in the archive.
        packages: packages that its archives need beside MONAI, PyTorch and NumPy; ``None`` for those of the bundle.
        runs_code: whether recipients run the archive's own Python, so that the scan for code does not apply.
        for_zoo: whether files above the zoo's limit are listed for download and ``model_info.json`` is written.
        check_name: function that raises InputError for a name that the recipient would misinterpret.
    """

    name: str
    formats: tuple[str, ...]
    write_configs: Writer
    packages: tuple[str, ...] | None = None
    runs_code: bool = False
    for_zoo: bool = False
    check_name: Callable[[str], None] | None = None


#: All recipients, by the value of ``scripts/package.py --target``. A new one is added here and nowhere else.
TARGETS = {
    "zoo": Target("{bundle}", tuple(FORMATS), write_configs, runs_code=True, for_zoo=True),
    "monailabel": Target(
        "{bundle}_classification",
        ("model.ts",),
        lambda classifier, archive, _: write_monai_label(
            classifier.bundle, archive, classifier.configs, classifier.metadata
        ),
        packages=("nibabel",),
        check_name=check_name,
    ),
    "inference": Target(
        "{bundle}_inference",
        tuple(name for name in FORMATS if name != "model.pt"),
        lambda classifier, archive, _: write_configs(classifier, archive),
        packages=("fire", "nibabel", "pytorch-ignite"),
    ),
    "monailabel_training": Target(
        "{bundle}_classification",
        ("model.pt",),
        lambda classifier, archive, _: write_monai_label_training(classifier, archive),
        runs_code=True,
        check_name=check_name,
    ),
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
        calibration: ``calibration.json`` of ``scripts/calibrate.py``; by default that of the bundle's own weights;
            without one the classifier never abstains.
        run: output folder of ``train.yaml``, for the provenance; by default the weights' folder if it is one.
        key: private Ed25519 key (PEM) that signs the manifest.
        metrics: ``metrics.json`` of an evaluation on held-out subjects; by default that of the bundle's own weights.
        overlays: overlays of ``train.yaml`` used in training.
        address: URL of the folder where the archive and its large files will be.
        progress: whether to print each step to stderr.
        settings: config ids set in training, and their values, for weights without a training record; ids of
            metadata begin with ``_meta_#``.

    Returns:
        Path of the zip.

    Raises:
        InputError: see :func:`~common.deploy.packaging.trained_classifier.read_classifier` and
            :func:`~common.deploy.packaging.formats.write_formats`; the target is unknown; the target does not allow
            the name; the archive contains something that the target's recipients would refuse.
    """
    if target not in TARGETS:
        raise InputError(f"{target}: no target; expected one of {', '.join(TARGETS)}; correct it")
    folder, kind = BundleConfigs(bundle).root, TARGETS[target]
    name = _checked(name or kind.name.format(bundle=folder.name), kind)
    check_folder(output)
    if key is not None:
        read_private_key(key)
    if weights is None:  # those that ship, with what is known of them
        calibration, metrics = (
            path or _shipped(folder, file)
            for path, file in ((calibration, "calibration.json"), (metrics, "metrics.json"))
        )
    weights = weights_file(folder, weights)
    recorded = recorded_settings(folder, weights, overlays, settings)
    portable, own_files = portable_settings({**recorded, **settings})
    recorded = {key: portable.pop(key) for key in recorded if key not in settings}
    say = _Steps(f"{name}.zip", progress)
    say("reading configs and weights, running the network on reference inputs")
    files = {"calibration": calibration, "metrics": metrics}
    classifier = read_classifier(folder, weights, overlays=overlays, settings=portable, recorded=recorded, **files)
    classifier = replace(classifier, metadata=with_packages(classifier.metadata, kind.packages))
    Path(output).mkdir(parents=True, exist_ok=True)
    with temporary_folder(output, f".{name}.") as temporary:
        archive = temporary / name
        _write_weights(classifier, archive, kind.formats, progress)
        say("writing configs and documents")
        kind.write_configs(classifier, archive, own_files)
        write_documents(classifier, archive, target=target, formats=kind.formats, run=run, settings=settings)
        say("scanning, hashing and zipping")
        _seal(archive, kind, key, address, classifier.metadata["version"])
        path = write_archive(archive, Path(output) / f"{name}.zip")
    if kind.for_zoo:
        version = classifier.metadata["version"]
        write_model_info(Path(output) / "model_info.json", path, version, address or ZOO_ADDRESS)
    return path


def _shipped(bundle: Path, name: str) -> Path | None:
    path = bundle / "models" / name
    return path if path.is_file() else None


class _Steps:
    """Prints each step to stderr."""

    def __init__(self, name: str, progress: bool) -> None:
        self.name, self.progress = name, progress

    def __call__(self, text: str) -> None:
        if self.progress:
            print(f"{self.name}: {text}", file=sys.stderr, flush=True)


def _checked(name: str, kind: Target) -> str:
    if not re.fullmatch(r"[A-Za-z]\w*", name, re.ASCII):
        raise InputError(f"{name}: no name of an archive; expected letters, digits and _; give another --name")
    if kind.check_name is not None:
        kind.check_name(name)
    return name


def _write_weights(classifier: TrainedClassifier, archive: Path, formats: Sequence[str], progress: bool) -> None:
    contents = {"metadata": classifier.metadata, "inference": plain_inference(classifier.configs["inference"])}
    write_formats(
        classifier.network,
        classifier.reference_inputs,
        archive / "models",
        formats=formats,
        record=classifier.record,
        extra_files={f"{name}.json": as_json(content) for name, content in contents.items()},
        progress=progress,
    )


def _seal(archive: Path, kind: Target, key: str | Path | None, address: str | None, version: str) -> None:
    """Scan the archive, write its manifest and sign it, so that later changes are detected."""
    if kind.for_zoo:
        write_large_files(archive, version, address or ZOO_ADDRESS)
    if not kind.runs_code and (problems := scan_folder(archive)):
        raise InputError.of_rows(f"{archive.name}: not packaged, as receivers would refuse it", problems)
    write_manifest(archive)
    if key is not None:
        sign(archive, key)
