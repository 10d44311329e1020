"""De-identification of DICOM headers by the basic profile of PS3.15, with consistent pseudonyms, UIDs and dates.

The table of actions is dicom-anonymizer's, of edition 2026c of the standard. Added here: sequences are entered at any
depth; UIDs and pseudonyms follow from a secret, so that a later run with the same secret continues the cohort; dates
are shifted by a number of days that is the patient's own, the option "Retain Longitudinal Temporal Information with
Modified Dates" (PS3.15 E.3.6). Pixels are not changed.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Callable, Mapping
from contextlib import redirect_stdout, suppress
from datetime import datetime, timedelta
from functools import cache, partial
from io import StringIO
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..errors import InputError

if TYPE_CHECKING:
    from pydicom import DataElement, Dataset

__all__ = ["Deidentifier", "burned_in_text"]

EDITION = "dicomfields_2026c"
LONGEST_SHIFT = 3650  # days
PSEUDONYM_DIGITS = 16  # hexadecimal; two of a million patients have the same with a probability of 3e-8
METHODS = (
    ("113100", "Basic Application Confidentiality Profile"),
    ("113107", "Retain Longitudinal Temporal Information Modified Dates Option"),
)
OVERLAYS = 0x6000  # groups 6000 to 60FF
BIRTH_DATE, NAME, NUMBER = (0x0010, 0x0030), (0x0010, 0x0010), (0x0010, 0x0020)
PHOTOGRAPHS = ("US", "IVUS", "SC", "OT", "XC", "ES", "GM", "OP", "ECG", "DOC", "RF")  # modalities that often have text
Action = Callable[[Any, Any], None]


class Deidentifier:
    """De-identification of the images of a cohort.

    Args:
        secret: secret from which pseudonyms, UIDs and shifts follow; who has it can find the patients again.
    """

    def __init__(self, secret: bytes) -> None:
        self.secret = secret

    def pseudonym(self, patient: str) -> str:
        """Pseudonym of a patient, the same in each run with the same secret.

        Args:
            patient: name by which the cohort knows the patient.
        """
        return f"P{self._digest('patient', patient)[:PSEUDONYM_DIGITS].upper()}"

    def shift(self, patient: str) -> timedelta:
        """Time by which the dates of a patient are moved into the past, one day to ten years.

        Args:
            patient: as for :meth:`pseudonym`.
        """
        return timedelta(days=-1 - int(self._digest("shift", patient)[:15], 16) % LONGEST_SHIFT)

    def uid(self, uid: str) -> str:
        """The UID that replaces another, always the same.

        Args:
            uid: original UID.
        """
        return f"2.25.{int(self._digest('uid', uid)[:32], 16)}"

    def apply(self, dataset: Dataset, patient: str) -> None:
        """De-identify a DICOM object.

        Args:
            dataset: object to change, with its file meta information.
            patient: as for :meth:`pseudonym`.
        """
        from pydicom import Dataset
        from pydicom.dataset import FileMetaDataset
        from pydicom.uid import ExplicitVRLittleEndian, ImplicitVRLittleEndian

        self._apply(dataset, self._rules(patient))
        # the File Meta Information names the sender
        meta = FileMetaDataset()
        plain = ImplicitVRLittleEndian if dataset.original_encoding[0] else ExplicitVRLittleEndian
        meta.TransferSyntaxUID = dataset.file_meta.get("TransferSyntaxUID") or plain
        meta.MediaStorageSOPClassUID, meta.MediaStorageSOPInstanceUID = dataset.SOPClassUID, dataset.SOPInstanceUID
        dataset.file_meta = meta
        dataset.PatientIdentityRemoved = "YES"
        dataset.LongitudinalTemporalInformationModified = "MODIFIED"
        dataset.DeidentificationMethod = [meaning[:64] for _, meaning in METHODS]
        dataset.DeidentificationMethodCodeSequence = []
        for code, meaning in METHODS:
            item = Dataset()
            item.CodeValue, item.CodingSchemeDesignator, item.CodeMeaning = code, "DCM", meaning[:64]
            dataset.DeidentificationMethodCodeSequence.append(item)
        dataset.preamble = b"\0" * 128

    def _apply(self, dataset: Dataset, rules: Mapping[tuple[int, ...], Action]) -> None:
        """De-identify a dataset after the items of its sequences."""
        from dicomanonymizer.simpledicomanonymizer import anonymize_dataset

        for element in list(dataset):
            if element.VR == "SQ":
                for item in element.value:
                    self._apply(item, rules)
        with redirect_stdout(StringIO()):  # it prints elements that are not in the file
            anonymize_dataset(dataset, base_rules_gen=lambda: dict(rules))
        for tag in [tag for tag in dataset.keys() if tag.group & 0xFF00 == OVERLAYS]:  # noqa: SIM118
            del dataset[tag]  # the table has their pixels and comments, and not their other texts

    def _rules(self, patient: str) -> dict[tuple[int, ...], Action]:
        """The actions by tag: the library's, but for UIDs, dates and the identity."""
        from pydicom.datadict import dictionary_VR

        rules: dict[tuple[int, ...], Action] = {}
        for tag, action in _profile().items():
            kind = ""
            if len(tag) == 2:
                with suppress(KeyError):
                    kind = dictionary_VR(tag)
            if action.__name__ in ("replace_UID", "delete_or_empty_or_replace_UID"):
                rules[tag] = self._replace_uid
            elif kind in ("DA", "DT"):
                rules[tag] = partial(_change, _shifted, self.shift(patient))
            elif kind != "TM":  # the time of the day is kept beside its date
                rules[tag] = partial(_as_far_as_known, action)
        pseudonym = self.pseudonym(patient)
        rules[BIRTH_DATE] = partial(_set, "")
        rules[NAME] = rules[NUMBER] = partial(_set, pseudonym)
        return rules

    def _replace_uid(self, dataset: Dataset, tag: tuple[int, int]) -> None:
        element = dataset.get(tag)
        if element is not None and element.VR == "UI" and element.value:
            several = not isinstance(element.value, str)
            element.value = [self.uid(str(v)) for v in element.value] if several else self.uid(str(element.value))

    def _digest(self, kind: str, text: str) -> str:
        return hmac.new(self.secret, f"{kind}\0{text}".encode(), hashlib.sha256).hexdigest()


@cache
def _profile() -> dict[tuple[int, ...], Action]:
    try:
        from dicomanonymizer.simpledicomanonymizer import initialize_actions
    except ImportError as error:
        raise InputError(
            "deidentify: needs dicom-anonymizer and deid; run: pip install 'clinical-ssl-bundles[deidentify]'"
        ) from error
    return initialize_actions(EDITION)


def _set(value: str, dataset: Dataset, tag: tuple[int, int]) -> None:
    if tag in dataset:
        dataset[tag].value = value


def _as_far_as_known(action: Action, dataset: Dataset, tag: tuple[int, int]) -> None:
    """The library's action, or the removal of an element of a kind for which it has none."""
    try:
        action(dataset, tag)
    except NotImplementedError:
        del dataset[tag]


def _change(
    function: Callable[[str, timedelta], str], shift: timedelta, dataset: Dataset, tag: tuple[int, int]
) -> None:
    element: DataElement | None = dataset.get(tag)
    if element is None or not element.value:
        return
    several = not isinstance(element.value, str)
    values = [function(str(value), shift) for value in (element.value if several else [element.value])]
    element.value = values if several else values[0]


def _shifted(value: str, shift: timedelta) -> str:
    """A date, or the date of a date and time, moved; what is no whole date is removed."""
    try:
        return f"{datetime.strptime(value[:8], '%Y%m%d') + shift:%Y%m%d}{value[8:]}"
    except (ValueError, OverflowError):
        return ""


def burned_in_text(path: Path) -> str:
    """The reason why an image may show its patient's name as part of the picture; empty if there is none.

    The reasons are BurnedInAnnotation, modalities whose images often have text, and the rules of ``deid``, which know
    devices by their headers. Pixels are not read: nobody can rely on the answer without looking at the images.

    Args:
        path: DICOM file.
    """
    import pydicom

    header = pydicom.dcmread(path, stop_before_pixels=True, force=True)  # files without preamble, too
    declared, modality = str(header.get("BurnedInAnnotation") or ""), str(header.get("Modality") or "")
    if declared.upper() == "YES":
        return "BurnedInAnnotation is YES"
    if modality in PHOTOGRAPHS and declared.upper() != "NO":
        return f"modality {modality} without BurnedInAnnotation NO"
    found = _by_device(header)
    return f"rule of deid: {found}" if found else ""


def _by_device(header: Dataset) -> str:
    from deid.config import DeidRecipe
    from deid.dicom import has_burned_pixels
    from deid.logger import bot

    bot.level = -5  # quiet
    result = has_burned_pixels(header, deid=_recipe(DeidRecipe))
    groups = [str(each.get("group")) for each in result.get("results", []) if each.get("group") != "whitelist"]
    return ", ".join(dict.fromkeys(groups)) if result["flagged"] else ""


@cache
def _recipe(kind: Callable[[str], Any]) -> Any:
    return kind("dicom")
