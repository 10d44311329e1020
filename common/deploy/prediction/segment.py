"""Segmentation of a folder of DICOM studies; failures are reported at the end."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pydicom

from ...files import write_atomically
from ...images.studies import find_studies
from .cases import DicomCase
from .dicom_results import save_dicom
from .outcomes import NoStudiesError
from .prepared_cases import reason_of
from .results import INTENDED_USE, discard, model_name, result_folder
from .segmentation_object import segmentation_object
from .segmenter import Segmenter
from .structured_report import check_highdicom

__all__ = ["segment_studies"]

SEGMENTATION = "segmentation.dcm"


def segment_studies(segmenter: Segmenter, source: Path, output: Path) -> tuple[list[Path], dict[str, str]]:
    """Segment all studies of a folder, and write a DICOM segmentation and the volume of each label.

    Args:
        segmenter: segmenter to run.
        source: folder with DICOM files at any depth.
        output: folder for the results; those of each model are in a folder of their own.

    Returns:
        The segmentations written, and the reason of each failure by the study's name.

    Raises:
        NoStudiesError: there is no study.
    """
    check_highdicom()
    keywords = sorted({key for rule in segmenter.rules.values() for key in rule.keywords})
    studies, failed = find_studies(source.resolve(), keywords, output.resolve())
    if not studies and not failed:
        raise NoStudiesError(f"{source}: found no DICOM images, expected studies; give their folder")
    written = []
    for study in studies:
        folder = result_folder(output / model_name(segmenter.model), study.uid)
        try:
            written.append(_segment(segmenter, DicomCase(study.uid, study, segmenter.rules, segmenter.input), folder))
        except OSError:
            raise  # a full disk is not a problem of the study
        except Exception as error:  # readers and transforms raise arbitrary errors
            discard(folder, [SEGMENTATION])  # of an earlier run on other images
            failed[study.uid] = reason_of(error)
    return written, failed


def _segment(segmenter: Segmenter, case: DicomCase, folder: Path) -> Path:
    labels, affine = segmenter(case)
    files = next(iter(case.image_files.values()))
    images = [pydicom.dcmread(path, stop_before_pixels=True, force=True) for path in files]
    save_dicom(segmentation_object(labels, affine, segmenter.labels, images, segmenter.model), folder / SEGMENTATION)
    millilitres = abs(np.linalg.det(affine[:3, :3])) / 1000
    volumes = {name: round(float((labels == key).sum() * millilitres), 4) for key, name in segmenter.labels.items()}
    content = {
        "study": case.name,
        "series": case.series(),
        "millilitres": volumes,
        "model": {key: getattr(segmenter.model, key) for key in ("name", "version", "sha256")},
        "intended_use": INTENDED_USE,
    }
    write_atomically(folder / "result.json", json.dumps(content, indent=1) + "\n")
    return folder / SEGMENTATION
