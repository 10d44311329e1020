"""The prediction of one study of the queue by an archive's classifier."""

from __future__ import annotations

from pathlib import Path

from ...errors import InputError
from ..prediction.classifier import Classifier
from ..prediction.predict import find_cases, predict_cases
from ..prediction.results import model_name, result_folder
from .service import Predict

__all__ = ["study_predictor"]


def study_predictor(classifier: Classifier, output: Path, heat_map: bool = False) -> Predict:
    """A function that predicts the study in a folder.

    Args:
        classifier: classifier of the archive.
        output: folder of all results; those of each release are in a folder of their own.
        heat_map: whether to write a heat map for each study.

    Returns:
        A function from the folder of the images to the folder of the results. It raises :class:`InputError` for a study
        that cannot be used.
    """
    own = output / model_name(classifier.model)

    def predict(images: Path) -> Path:
        cases, unreadable = find_cases(images, classifier)
        batch = predict_cases(classifier, cases, own, failed=unreadable, heat_map=heat_map, tables=False)
        if batch.failed or len(batch.results) != 1:
            reasons = list(batch.failed.values()) or [f"found {len(batch.results)} studies, expected one"]
            raise InputError("; ".join(dict.fromkeys(reasons)))
        return result_folder(own, batch.results[0]["study"])

    return predict
