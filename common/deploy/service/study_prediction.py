"""The prediction of one study of the queue, by an archive's classifier or segmenter."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ...errors import InputError
from ...programs import command_of
from ..prediction.cases import rule_problem
from ..prediction.classifier import Classifier, open_classifier
from ..prediction.outcomes import ArchiveError
from ..prediction.predict import find_cases, predict_cases
from ..prediction.prediction import ModelIdentity
from ..prediction.results import model_name, result_folder
from ..prediction.segment import segment_studies
from ..prediction.segmenter import Segmenter, is_segmenter, open_segmenter
from ..verification.manifest import MANIFEST
from .service import Predict

__all__ = ["open_predictor"]


@contextmanager
def open_predictor(
    archive: Path,
    output: Path,
    *,
    rules: str | None = None,
    key: str | None = None,
    require: str | None = None,
    device: str | None = None,
    heat_map: bool = False,
) -> Iterator[tuple[Predict, ModelIdentity]]:
    """Open an archive as a function that predicts or segments the study in a folder.

    Args:
        archive: zip or its folder, of a classifier or a segmenter.
        output: folder of all results; those of each release are in a folder of their own.
        rules: file that replaces the archive's rules.
        key: public key with which the signature is verified.
        require: condition on name and version of the archive.
        device: device of the network.
        heat_map: whether to write a heat map for each study.

    Yields:
        A function from the folder of the images to the folder of the results, which raises :class:`InputError` for a
        study that cannot be used; and the identity of the model.

    Raises:
        ArchiveError: the archive was refused.
        InputError: a heat map of a segmenter was asked for, or this machine lacks the device.
    """
    if archive.is_dir() and not (archive / MANIFEST).is_file():  # a bundle, whose configs would run unchecked
        raise ArchiveError(
            f"{archive}: found no {MANIFEST}, expected an archive; package it with {command_of('package')}"
        )
    if is_segmenter(archive):
        if heat_map:
            raise InputError("heat_map: found true for a segmenter, which has none; set heat_map: false")
        with open_segmenter(archive, rules=rules, key=key, require=require, device=device) as segmenter:
            yield _segmentation(segmenter, output), segmenter.model
    else:
        own = {} if device is None else {"device": device}
        with open_classifier(archive, rules=rules, key=key, require=require, **own) as classifier:
            if problem := rule_problem(classifier.rules, classifier.input):  # of every study
                raise ArchiveError(f"{archive}: {problem}")
            yield _classification(classifier, output, heat_map), classifier.model


def _classification(classifier: Classifier, output: Path, heat_map: bool) -> Predict:
    own = output / model_name(classifier.model)

    def predict(images: Path) -> Path:
        """Classify the study in a folder; the folder of its results."""
        cases, unreadable = find_cases(images, classifier)
        batch = predict_cases(classifier, cases, own, failed=unreadable, heat_map=heat_map, tables=False)
        _check_one(len(batch.results), batch.failed)
        return result_folder(own, batch.results[0]["study"])

    return predict


def _segmentation(segmenter: Segmenter, output: Path) -> Predict:
    def predict(images: Path) -> Path:
        """Segment the study in a folder; the folder of its results."""
        written, failed = segment_studies(segmenter, images, output)
        _check_one(len(written), failed)
        return written[0].parent

    return predict


def _check_one(count: int, failed: dict[str, str]) -> None:
    if failed or count != 1:
        reasons = list(failed.values()) or [f"found {count} studies, expected one"]
        raise InputError("; ".join(dict.fromkeys(reasons)))
