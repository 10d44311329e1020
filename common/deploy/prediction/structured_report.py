"""A prediction as DICOM Structured Report."""

from __future__ import annotations

import copy
import logging
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from ...errors import InputError
from .codes import MANUFACTURER, SCHEME, class_code, private_code
from .prediction import Prediction

if TYPE_CHECKING:
    import highdicom as hd
    from pydicom import Dataset

__all__ = ["check_highdicom", "complete_header", "structured_report"]

SERIES_NUMBER = 9101  # beyond those of scanners
# Attributes of type 2: a file may leave them empty, but highdicom requires them.
TYPE_2 = (
    "PatientID",
    "PatientName",
    "PatientBirthDate",
    "PatientSex",
    "AccessionNumber",
    "StudyID",
    "StudyDate",
    "StudyTime",
    "ReferringPhysicianName",
)


def check_highdicom() -> None:
    """Stop before a long run if the library that writes reports is not installed.

    Raises:
        InputError: highdicom is not installed.
    """
    try:
        import highdicom  # noqa: F401
    except ImportError as error:
        raise InputError(
            "reports: DICOM results need highdicom; run: pip install 'clinical-ssl-bundles[deploy]'"
        ) from error
    logging.getLogger("highdicom").setLevel(logging.WARNING)  # it logs each copied module


def complete_header(header: Dataset) -> Dataset:
    """A copy with all attributes of patient and study that results inherit, empty if the scanner left them out."""
    header = copy.copy(header)
    for keyword in TYPE_2:
        if keyword not in header:
            setattr(header, keyword, "")
    if header.PatientSex not in ("M", "F", "O", ""):
        header.PatientSex = ""
    return header


def structured_report(
    prediction: Prediction,
    images: Sequence[Dataset],
    others: Sequence[Dataset] = (),
    frames: Mapping[str, int] | None = None,
) -> hd.sr.ComprehensiveSR:
    """An Imaging Measurement Report (TID 1500) with one measurement group (TID 1501) for the classification.

    The group names the algorithm (TID 4019) with the hash of its weights; its ``Finding`` is the called class or
    "no call"; each probability is a number with the class as its modifier ``Finding``; every image that the network
    used is referenced. The report is marked as for research only, unverified and preliminary.

    Args:
        prediction: prediction to report.
        images: headers of the instances that the network used; patient and study are those of the first.
        others: headers of other instances, such as a mask, which are listed as evidence.
        frames: number of the frame that the network used, by SOP Instance UID of images that are films.

    Returns:
        The report, in a new series.
    """
    import highdicom as hd
    from highdicom.coding_schemes import CodingSchemeIdentificationItem
    from pydicom.sr.codedict import codes

    model = prediction.model
    device = hd.sr.DeviceObserverIdentifyingAttributes(
        uid=hd.UID.from_uuid(_uuid(model.sha256)),
        name=model.name,
        manufacturer_name=MANUFACTURER,
        model_name=f"{model.name} {model.version}",
        serial_number=model.sha256,
    )
    content = hd.sr.MeasurementReport(
        observation_context=hd.sr.ObservationContext(
            observer_device_context=hd.sr.ObserverContext(codes.DCM.Device, device)
        ),
        procedure_reported=codes.SCT.ImagingProcedure,
        imaging_measurements=[_measurement_group(prediction, images, frames or {})],
    )
    headers = [complete_header(header) for header in (*images, *others)]
    return hd.sr.ComprehensiveSR(
        evidence=headers,
        content=content[0],
        series_instance_uid=hd.UID(),
        series_number=SERIES_NUMBER,
        sop_instance_uid=hd.UID(),
        instance_number=1,
        manufacturer=MANUFACTURER,
        is_complete=True,
        is_final=False,
        is_verified=False,
        series_description=f"RESEARCH ONLY: {model.name}"[:64],
        manufacturer_model_name=model.name[:64],
        software_versions=model.version,
        device_serial_number=model.sha256,
        specific_character_set="ISO_IR 192",  # UTF-8, for class names and patients' names of any language
        coding_schemes=[
            CodingSchemeIdentificationItem(
                SCHEME, name="Class names of clinical-ssl-bundles", responsible_organization=MANUFACTURER
            )
        ],
    )


def _measurement_group(
    prediction: Prediction, images: Sequence[Dataset], frames: Mapping[str, int]
) -> hd.sr.MeasurementsAndQualitativeEvaluations:
    import highdicom as hd
    from pydicom.sr.codedict import codes

    model = prediction.model
    called = private_code("NO-CALL") if prediction.abstains else class_code(prediction.call)
    return hd.sr.MeasurementsAndQualitativeEvaluations(
        tracking_identifier=hd.sr.TrackingIdentifier(uid=hd.UID(), identifier=f"Classification by {model.name}"[:64]),
        finding_type=called,
        algorithm_id=hd.sr.AlgorithmIdentification(
            name=model.name,
            version=model.version,
            manufacturer=MANUFACTURER,
            family=codes.DCM.ArtificialIntelligence,
            parameters=[f"SHA-256 of the weights: {model.sha256}"],
        ),
        measurements=[_probability(name, value) for name, value in prediction.probabilities.items()],
        qualitative_evaluations=[
            hd.sr.QualitativeEvaluation(private_code("INTENDED-USE"), private_code("RESEARCH-ONLY"))
        ],
        source_images=[
            hd.sr.SourceImageForMeasurementGroup(
                header.SOPClassUID, header.SOPInstanceUID, _frame_numbers(frames, header.SOPInstanceUID)
            )
            for header in images
        ],
    )


def _frame_numbers(frames: Mapping[str, int], uid: str) -> list[int] | None:
    return [frames[uid]] if uid in frames else None


def _probability(name: str, value: float) -> hd.sr.Measurement:
    """A number with its class as modifier, without which readers could not distinguish the classes' numbers."""
    import highdicom as hd
    from pydicom.sr.codedict import codes

    measurement = hd.sr.Measurement(name=codes.DCM.Probability, value=round(value, 6), unit=codes.UCUM.NoUnits)
    which = hd.sr.CodeContentItem(
        name=codes.DCM.Finding, value=class_code(name), relationship_type=hd.sr.RelationshipTypeValues.HAS_CONCEPT_MOD
    )
    measurement[0].ContentSequence = hd.sr.ContentSequence([which])
    return measurement


def _uuid(sha256: str) -> str:
    """The hash of the weights as UUID, so that the same weights are the same device in every report."""
    import uuid

    return str(uuid.uuid5(uuid.NAMESPACE_OID, sha256))
