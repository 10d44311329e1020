"""Documents of an archive: licence, model card, bill of materials, provenance."""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ...files import file_digest, write_atomically
from .archive_configs import as_json
from .archive_readme import find_picture, render_readme
from .formats import TOLERANCE
from .provenance import write_provenance
from .sbom import write_sbom
from .trained_classifier import TrainedClassifier
from .training_curve import draw_training_curve

__all__ = ["write_documents"]


def write_documents(
    classifier: TrainedClassifier,
    archive: Path,
    *,
    target: str,
    formats: Sequence[str],
    run: str | Path | None,
    settings: Mapping[str, Any],
) -> None:
    """Write ``LICENSE`` and ``docs``.

    Args:
        classifier: classifier to package.
        archive: folder of the archive, with the weights.
        target: target of the archive.
        formats: formats of the weights, verified on reference inputs.
        run: output folder of ``train.yaml``; ``None`` for the weights' folder if it is one.
        settings: config ids set in training, and their values.
    """
    (archive / "docs").mkdir(exist_ok=True)
    for name in ("LICENSE", "docs/data_license.txt"):
        shutil.copyfile(classifier.bundle / name, archive / name)
    if classifier.calibration is not None:
        write_atomically(archive / "docs" / "calibration.json", as_json(classifier.calibration))
    hashes = {f"models/{name}": file_digest(archive / "models" / name, "sha256") for name in formats}
    if run is None and (classifier.weights.parent / "checkpoint.pt").is_file():
        run = classifier.weights.parent
    _write_readme(classifier, archive, target, hashes, run)
    write_sbom(archive / "docs" / "sbom.cdx.json")
    provenance = write_provenance(
        archive / "docs" / "provenance.json",
        bundle=classifier.bundle.name,
        version=classifier.metadata["version"],
        target=target,
        weights=classifier.weights,
        training_run=run,
        calibration=classifier.calibration,
        metrics=classifier.metrics,
        overrides=settings,
        config=classifier.configs["train"],
        record=classifier.record,
    )
    _add_formats(provenance, classifier, formats)


def _write_readme(
    classifier: TrainedClassifier, archive: Path, target: str, hashes: Mapping[str, str], run: str | Path | None
) -> None:
    """Write ``README.md`` with its pictures."""
    docs = archive / "docs"
    picture = find_picture(classifier.bundle)
    if picture is not None:
        shutil.copyfile(picture[1], docs / picture[1].name)
    curve = run is not None and draw_training_curve(Path(run) / "metrics.json", docs / "training.png") is not None
    text = render_readme(classifier, name=archive.name, target=target, hashes=hashes, curve=curve)
    write_atomically(docs / "README.md", text)


def _add_formats(provenance: Path, classifier: TrainedClassifier, formats: Sequence[str]) -> None:
    """Record that all formats agree on reference inputs. The largest difference varies between machines: left out."""
    inputs = classifier.reference_inputs
    shapes = [[batch, *inputs.shape[1:]] for batch in (1, len(inputs))]
    agreement = {"files": list(formats), "reference_inputs": shapes, "largest_difference_below": TOLERANCE}
    content = {**json.loads(provenance.read_text()), "formats": agreement}
    write_atomically(provenance, as_json(dict(sorted(content.items()))))
