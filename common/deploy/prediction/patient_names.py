"""Messages without the names and numbers of patients."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path

__all__ = ["without_names"]

IDENTIFYING = ("PatientName", "PatientID", "OtherPatientIDs", "OtherPatientNames", "PatientBirthName")
HIDDEN = "[patient]"


def without_names(text: str, files: Iterable[Path]) -> str:
    """A message without the names and numbers of the patients to whom some files belong.

    Args:
        text: message, such as the reason why a study failed, which may quote the description of a series.
        files: DICOM files of the study.
    """
    import pydicom

    words: set[str] = set()
    for path in files:
        try:
            header = pydicom.dcmread(path, stop_before_pixels=True, specific_tags=list(IDENTIFYING), force=True)
            values = [str(header.get(key) or "") for key in IDENTIFYING]
        except Exception:  # a damaged header: what cannot be read is not quoted either
            continue
        words |= {word for value in values for word in re.split(r"[\^=\s\\,\[\]']+", value) if len(word) > 1}
        words |= {value for value in values if len(value) > 1}
    for word in sorted(words, key=len, reverse=True):
        text = re.sub(rf"(?i)(?<!\w){re.escape(word)}(?!\w)", HIDDEN, text)
    return text
