"""Segmentation of a folder of DICOM studies; failures are reported at the end."""

from __future__ import annotations

import json
from datetime import datetime
from pathlib import Path

import numpy as np
import pydicom

from ...errors import InputError
from ...files import check_folder, write_atomically
from ...images.studies import find_studies
from .cases import DicomCase
from .dicom_results import save_dicom
from .outcomes import NoStudiesError
from .prepared_cases import case_key, case_problem
from .results import INTENDED_USE, RESULT, discard, finished, model_name, result_folder
from .segmentation_object import segmentation_object
from .segmenter import Segmenter
from .structured_report import check_highdicom

__all__ = ["segment_studies"]

SEGMENTATION = "segmentation.dcm"


def segment_studies(segmenter: Segmenter, source: Path, output: Path) -> tuple[list[Path], dict[str, str]]:
    """Segment all studies of a folder, and write a DICOM segmentation and the volume of each label.

    Studies with unchanged images and model are not segmented again.

    Args:
        segmenter: segmenter to run.
        source: folder with DICOM files at any depth.
        output: folder for the results; those of each model are in a folder of their own.

    Returns:
        The segmentations written, and the reason of each failure by the study's name.

    Raises:
        NoStudiesError: there is no study.
        InputError: there is no such folder; nothing can be written to the output folder.
    """
    if not source.is_dir():
        raise InputError(f"{source}: found no such folder, expected DICOM studies; correct the path")
    check_folder(output)
    check_highdicom()
    keywords = sorted({key for rule in segmenter.rules.values() for key in rule.keywords})
    studies, failed = find_studies(source.resolve(), keywords, output.resolve())
    if not studies and not failed:
        raise NoStudiesError(f"{source}: found no DICOM images, expected studies; give their folder")
    written = []
    for study in studies:
        folder = result_folder(output / model_name(segmenter.model), study.uid)
        case = DicomCase(study.uid, study, segmenter.rules, segmenter.input)
        try:
            written.append(_segment(segmenter, case, folder))
        except OSError:
            raise  # a full disk is not a problem of the study
        except Exception as error:  # readers and transforms raise arbitrary errors
            discard(folder, [SEGMENTATION])  # of an earlier run on other images
            failed[study.uid] = case_problem(case, error)
    return written, failed


def _segment(segmenter: Segmenter, case: DicomCase, folder: Path) -> Path:
    """Segment a study, unless that was done; the JSON file is written last, since it marks the results as complete."""
    key = case_key(segmenter.digest, case.files())
    if finished(folder, key, [SEGMENTATION]):
        return folder / SEGMENTATION
    labels, affine = segmenter(case)
    files = next(iter(case.image_files.values()))
    images = [pydicom.dcmread(path, stop_before_pixels=True, force=True) for path in files]
    segmentation = segmentation_object(labels, affine, segmenter.labels, images, segmenter.model)
    discard(folder, [SEGMENTATION])  # of other images
    save_dicom(segmentation, folder / SEGMENTATION)
    millilitres = abs(np.linalg.det(affine[:3, :3])) / 1000
    volumes = {name: round(float((labels == label).sum() * millilitres), 4) for label, name in segmenter.labels.items()}
    content = {
        "study": case.name,
        "series": case.series(),
        "millilitres": volumes,
        "model": {key: getattr(segmenter.model, key) for key in ("name", "version", "sha256")},
        "intended_use": INTENDED_USE,
        "time": datetime.now().astimezone().isoformat(timespec="seconds"),
        "key": key,
    }
    write_atomically(folder / RESULT, json.dumps(content, indent=1) + "\n")
    return folder / SEGMENTATION
