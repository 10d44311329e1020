"""One study on two ways to a network: that of validation in training, and that of a hospital."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
import torch
from monai.bundle import ConfigWorkflow
from pydicom.uid import generate_uid

from common.deploy.prediction.cases import Case, FileCase, prepare
from common.deploy.prediction.classifier import Classifier
from common.deploy.prediction.predict import find_cases
from common.deploy.prediction.prediction import Prediction
from common.images.image_files import datalist_rows
from tests.common.deploy.made_studies import write_dicom, write_segmentation


def cases_of(classifier: Classifier, folder: Path) -> dict[str, FileCase]:
    """The rows of a cohort's datalist by name, as they would be given to predict."""
    rows = datalist_rows(folder / "datalist.json")
    return {name: FileCase(name, row, classifier.input) for name, row in rows}


def served_image(classifier: Classifier, case: Case, folder: Path) -> torch.Tensor:
    """What the network of an archive sees."""
    folder.mkdir(exist_ok=True)
    return torch.as_tensor(classifier.preprocessing(prepare(case, classifier.input, folder))["image"])


def validated_image(workflow: ConfigWorkflow, case: FileCase) -> torch.Tensor:
    """What the network sees in validation: after preprocessing, and after what is done to batches on the device."""
    row: dict[str, Any] = {**case.images, "subject": case.name, "label": 0}
    image = workflow.parser.get_parsed_content("validate#preprocessing")(row)["image"]
    if "normalize" in workflow.parser:
        image = workflow.parser.get_parsed_content("normalize")(image[None].float())[0]
    return torch.as_tensor(image).float()


def dicom_case(classifier: Classifier, case: FileCase, folder: Path) -> Case:
    """The volumes of a row as a DICOM study, with its mask as segmentation, found as in a hospital's folder."""
    study, images = generate_uid(), case.images["image"]
    images = images if isinstance(images, list) else [images]
    for name, path in zip(classifier.input.modalities, images, strict=True):
        volume, affine = whole_numbers(path)
        files = write_dicom(folder / name, volume, affine, name, study)
    if "mask" in case.images and classifier.input.mask != "ignored":
        write_segmentation(folder / "segmentation.dcm", files, whole_numbers(case.images["mask"])[0])
    (found,), unreadable = find_cases(folder, classifier)
    assert not unreadable and found.name == study
    return found


def whole_numbers(path: str) -> tuple[np.ndarray, np.ndarray]:
    """Voxels and affine of a NIfTI file that 16 bits hold."""
    image = nib.load(path)
    voxels = np.asanyarray(image.dataobj)
    assert np.array_equal(voxels, voxels.astype(np.int16))
    return voxels, image.affine


def predicted(classifier: Classifier, case: Case, folder: Path) -> Prediction:
    """What the archive's network says of a case."""
    return classifier(served_image(classifier, case, folder))
