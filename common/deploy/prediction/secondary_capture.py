"""A heat map as DICOM Secondary Capture, which refers to the images that it explains."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from .codes import MANUFACTURER
from .prediction import ModelIdentity
from .structured_report import complete_header

if TYPE_CHECKING:
    import highdicom as hd
    from pydicom import Dataset

__all__ = ["secondary_capture"]

SERIES_NUMBER = 9102  # after the report's


def secondary_capture(
    picture: np.ndarray,
    images: Sequence[Dataset],
    model: ModelIdentity,
    description: str,
    frames: Mapping[str, int] | None = None,
) -> hd.sc.SCImage:
    """Convert a colour picture to a DICOM object.

    Args:
        picture: ``[rows, columns, 3]`` bytes.
        images: headers of the source instances; patient and study are those of the first.
        model: identity of the explained model.
        description: derivation description.
        frames: number of the frame that was explained, by SOP Instance UID of images that are films.

    Returns:
        The image, in a new series.
    """
    import highdicom as hd
    from pydicom import Dataset

    capture = hd.sc.SCImage.from_ref_dataset(
        complete_header(images[0]),
        pixel_array=picture,
        photometric_interpretation="RGB",
        bits_allocated=8,
        coordinate_system="PATIENT",
        patient_orientation=("L", "P"),
        series_instance_uid=hd.UID(),
        series_number=SERIES_NUMBER,
        sop_instance_uid=hd.UID(),
        instance_number=1,
        manufacturer=MANUFACTURER,
        manufacturer_model_name=model.name[:64],
        software_versions=model.version,
        device_serial_number=model.sha256,
        series_description=f"RESEARCH ONLY, heat map: {model.name}"[:64],
        specific_character_set="ISO_IR 192",
    )
    capture.PatientOrientation = []  # several planes have no common orientation
    capture.Laterality = ""  # empty, as the organ may be paired
    capture.BurnedInAnnotation = "NO"  # the text names classes and model, not the patient
    capture.DerivationDescription = description
    capture.SourceImageSequence = []
    for header in images:
        item = Dataset()
        item.ReferencedSOPClassUID, item.ReferencedSOPInstanceUID = header.SOPClassUID, header.SOPInstanceUID
        if (number := (frames or {}).get(header.SOPInstanceUID)) is not None:
            item.ReferencedFrameNumber = number
        capture.SourceImageSequence.append(item)
    return capture
