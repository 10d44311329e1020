"""A study's results as DICOM objects, which can be returned to the source of its images."""

from __future__ import annotations

import io
import warnings
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch

from ...files import write_atomically
from ...temporary import temporary_folder
from .cases import DicomCase
from .classifier import Classifier
from .prediction import Prediction
from .results import INTENDED_USE
from .secondary_capture import secondary_capture
from .structured_report import structured_report

if TYPE_CHECKING:
    import pydicom

__all__ = ["HEAT_MAP", "REPORT", "save_dicom", "write_dicom_results"]

REPORT, HEAT_MAP = "report.dcm", "heat_map.dcm"


def write_dicom_results(
    classifier: Classifier, case: DicomCase, image: torch.Tensor, prediction: Prediction, folder: Path, heat_map: bool
) -> None:
    """Write the Structured Report of a study and, if asked, the heat map of its likeliest class.

    Args:
        classifier: classifier that made the prediction.
        case: the study.
        image: input of the network, ``[C, ...]``.
        prediction: prediction for the study.
        folder: output folder.
        heat_map: whether to write a heat map, which takes many passes of the network.
    """
    images = [_header(path) for paths in case.image_files.values() for path in paths]
    known = {item.path for item in case.study.files}
    frames = {str(_header(path).SOPInstanceUID): number for path, number in case.frames.items()}
    others = [_header(path) for path in case.mask_files if path in known]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # about patients' names in a retired format
        if heat_map:
            caption = f"Occlusion sensitivity of the probability of {prediction.most_likely}"
            drawn = _draw(classifier, case, image, prediction)
            save_dicom(secondary_capture(drawn, images, classifier.model, caption, frames), folder / HEAT_MAP)
        save_dicom(structured_report(prediction, images, others, frames), folder / REPORT)


def _draw(classifier: Classifier, case: DicomCase, image: torch.Tensor, prediction: Prediction) -> np.ndarray:
    from ...explain.occlusion import occlusion_map, upright
    from .heat_map import draw_heat_map

    name, model = prediction.most_likely, classifier.model
    heat = occlusion_map(classifier.network, image.to(classifier.device), classifier.channels.index(name))
    several = len(case.input.modalities) == len(image)
    names = case.input.modalities if several else [f"slice {number + 1}" for number in range(len(image))]
    called = f"{prediction.call}, likeliest: " if prediction.abstains else ""
    caption = f"{called}{name} {prediction.probabilities[name]:.2f}\n{model.name} {model.version}\n{INTENDED_USE}"
    shown, heat = (upright(array, classifier.preprocessing) for array in (image.numpy(), heat[None]))
    with temporary_folder() as temporary:
        path = temporary / "heat_map.png"
        return draw_heat_map(shown, heat[0], names, caption, path, picture=case.is_picture)


def save_dicom(dataset: pydicom.Dataset, path: Path) -> None:
    """Write a DICOM object completely or not at all.

    Args:
        dataset: object to write.
        path: file to write or to replace.
    """
    content = io.BytesIO()
    dataset.save_as(content, enforce_file_format=True)
    write_atomically(path, content.getvalue())


def _header(path: Path) -> pydicom.Dataset:
    import pydicom

    return pydicom.dcmread(path, stop_before_pixels=True, force=True)
