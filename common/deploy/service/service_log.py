"""The service's log file: rotated, and without names of patients."""

from __future__ import annotations

import logging
import re
import warnings
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from logging.handlers import RotatingFileHandler
from pathlib import Path

from ...errors import one_line

__all__ = ["LOGGER", "brief", "logging_to", "without_names"]

LOGGER = logging.getLogger("clinical_ssl_bundles.service")
IDENTIFYING = ("PatientName", "PatientID", "OtherPatientIDs", "OtherPatientNames", "PatientBirthName")
SILENT = logging.CRITICAL + 1
HIDDEN = "[patient]"


@contextmanager
def logging_to(path: Path, size: float, files: int) -> Iterator[None]:
    """Write messages of the service, and of nothing else, to a rotating file and to standard error.

    Messages of libraries are left out of both, since they may quote header elements.

    Args:
        path: log file.
        size: size in MiB at which it is rotated.
        files: number of old files that are kept.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    form = logging.Formatter("%(asctime)s %(levelname)s %(message)s")
    handlers: list[logging.Handler] = [
        RotatingFileHandler(path, maxBytes=int(size * (1 << 20)), backupCount=files, encoding="utf-8"),
        logging.StreamHandler(),
    ]
    root = logging.getLogger()
    level, root_handlers = root.level, root.handlers
    root.setLevel(SILENT)  # of libraries
    root.handlers = [logging.NullHandler()]  # and of those that have a level of their own
    logging.getLogger("pydicom").setLevel(SILENT)
    LOGGER.setLevel(logging.INFO)
    LOGGER.propagate = False
    for handler in handlers:
        handler.setFormatter(form)
        LOGGER.addHandler(handler)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        root.setLevel(level)
        root.handlers = root_handlers
        for handler in handlers:
            LOGGER.removeHandler(handler)
            handler.close()
        LOGGER.propagate = True


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


def brief(error: BaseException) -> str:
    """Type and message of an unexpected error in one line.

    Args:
        error: error to describe.
    """
    return f"{type(error).__name__}: {one_line(error)}"
