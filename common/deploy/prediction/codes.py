"""Codes for reports: SNOMED CT's where one exists, else private ones."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pydicom.sr.coding import Code

__all__ = ["MANUFACTURER", "SCHEME", "class_code", "private_code"]

#: Manufacturer in the headers of all results, by which they are recognized.
MANUFACTURER = "clinical-ssl-bundles"

#: Designator of our own coding scheme; DICOM reserves names that begin with 99 for private ones (PS3.16, section 8).
SCHEME = "99CLINSSL"

# Keywords of pydicom's SNOMED CT dictionary, which is made from the standard's context groups. Classes that it lacks
# (low and high grade, Alzheimer's disease, the subtypes of kidney tumours) have private codes: a SNOMED CT code that
# cannot be verified here would be worse.
SNOMED = {
    "benign": "Benign",  # CID 6063, results of a procedure
    "malignant": "Malignant",
    "normal": "Normal",  # CID 222, normality
    "hyperplasia": "Hyperplasia",
    "stage 1": "Stage1",  # CID 3778, stages
    "stage 2": "Stage2",
    "stage 3": "Stage3",
    "stage 4": "Stage4",
}
PRIVATE = {"NO-CALL": "no call", "INTENDED-USE": "Intended use", "RESEARCH-ONLY": "Research only, not for clinical use"}


def class_code(name: str) -> Code:
    """Code of a class: SNOMED CT's, or a private one with the name as value and meaning.

    Args:
        name: class name, as in ``channel_def`` of the metadata.

    Example:
        >>> class_code("malignant").value, class_code("high grade").scheme_designator
        ('21594007', '99CLINSSL')
    """
    from pydicom.sr.codedict import codes
    from pydicom.sr.coding import Code

    keyword = SNOMED.get(name.strip().lower())
    return getattr(codes.SCT, keyword) if keyword else Code(name, SCHEME, name[:64])


def private_code(value: str) -> Code:
    """Code of one of this project's own concepts.

    Args:
        value: code value, ``NO-CALL``, ``INTENDED-USE`` or ``RESEARCH-ONLY``.
    """
    from pydicom.sr.coding import Code

    return Code(value, SCHEME, PRIVATE[value])
