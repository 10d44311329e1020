"""A label map as DICOM segmentation, which refers to the images on which it lies."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from .codes import MANUFACTURER, class_code
from .prediction import ModelIdentity
from .structured_report import complete_header

if TYPE_CHECKING:
    import highdicom as hd
    from pydicom import Dataset

__all__ = ["segmentation_object"]

SERIES_NUMBER = 9103  # after the heat map's
TO_LPS = np.diag([-1.0, -1.0, 1.0, 1.0])


def segmentation_object(
    labels: np.ndarray, affine: np.ndarray, names: Mapping[int, str], images: Sequence[Dataset], model: ModelIdentity
) -> hd.seg.Segmentation:
    """Convert a label map to a binary segmentation with one segment for each label, also for those that are empty.

    Args:
        labels: ``[x, y, z]`` whole numbers, 0 for the background.
        affine: indices to RAS millimetres.
        names: name of each label.
        images: headers of the source instances; patient, study and frame of reference are those of the first.
        model: identity of the model.

    Returns:
        The segmentation, in a new series.
    """
    import highdicom as hd
    from pydicom.sr.codedict import codes

    algorithm = hd.AlgorithmIdentificationSequence(
        name=model.name[:64], version=model.version, family=codes.DCM.ArtificialIntelligence, source=MANUFACTURER
    )
    segments = [
        hd.seg.SegmentDescription(
            segment_number=number,
            segment_label=name[:64],
            segmented_property_category=_category(name),
            segmented_property_type=class_code(name),
            algorithm_type=hd.seg.SegmentAlgorithmTypeValues.AUTOMATIC,
            algorithm_identification=algorithm,
        )
        for number, name in enumerate(names.values(), 1)
    ]
    numbers = np.zeros(labels.shape, np.uint8)
    for number, label in enumerate(names, 1):
        numbers[labels == label] = number
    headers = [complete_header(header) for header in images]
    frame = str(headers[0].FrameOfReferenceUID)
    volume = hd.Volume(numbers, TO_LPS @ affine, "PATIENT", frame_of_reference_uid=frame)
    return hd.seg.Segmentation(
        headers,
        volume,
        hd.seg.SegmentationTypeValues.BINARY,
        segments,
        series_instance_uid=hd.UID(),
        series_number=SERIES_NUMBER,
        sop_instance_uid=hd.UID(),
        instance_number=1,
        manufacturer=MANUFACTURER,
        manufacturer_model_name=model.name[:64],
        software_versions=model.version,
        device_serial_number=model.sha256,
        content_label="RESEARCH_ONLY",
        content_description="Research only, not for clinical use",
        series_description=f"RESEARCH ONLY: {model.name}"[:64],
        omit_empty_frames=bool(numbers.any()),
    )


def _category(name: str) -> hd.sr.CodedConcept:
    from pydicom.sr.codedict import codes

    lesion = any(word in name.lower() for word in ("lesion", "tumour", "tumor", "nodule"))
    return codes.SCT.MorphologicallyAbnormalStructure if lesion else codes.SCT.AnatomicalStructure
