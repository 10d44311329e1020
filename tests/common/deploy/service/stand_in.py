"""The service with a stand-in for the classifier, as a process that starts in a second and may be killed.

usage: python -m tests.common.deploy.service.stand_in FOLDER SETTINGS
"""

from __future__ import annotations

import hashlib
import signal
import sys
import time
from pathlib import Path

import pydicom
from pydicom.uid import generate_uid

from common.deploy.service.service import Service
from common.deploy.service.service_log import logging_to
from common.deploy.service.settings import read_settings
from common.errors import InputError
from common.files import write_atomically
from common.locks import locked
from tests.common.deploy.service.sent_studies import write_image

SECONDS = 0.03  # that a prediction takes


def predictor(folder: Path):
    """Writes a report for each study of ``ImagesInAcquisition`` images, once, and a line for each prediction."""

    def predict(images: Path) -> Path:
        headers = [pydicom.dcmread(path, stop_before_pixels=True) for path in sorted(images.glob("*.dcm"))]
        expected = int(headers[0].ImagesInAcquisition)
        if len(headers) != expected:
            raise InputError(f"{headers[0].PatientName}: found {len(headers)} images, expected {expected}")
        results = folder / "results" / headers[0].StudyInstanceUID
        key = hashlib.sha256("".join(header.SOPInstanceUID for header in headers).encode()).hexdigest()
        done = results / "result.json"
        if not (done.is_file() and done.read_text() == key):
            time.sleep(SECONDS)
            write_image(results / "report.dcm", headers[0].StudyInstanceUID, generate_uid(), 1)
            with open(folder / "predictions.txt", "a") as file:  # first: a kill in between predicts, and counts, again
                file.write(f"{headers[0].StudyInstanceUID}\n")
            write_atomically(done, key)
        return results

    return predict


def main(folder: Path, path: str) -> None:
    settings = read_settings(path, {})
    with locked(folder), logging_to(folder / "log/service.log", settings.log_size, settings.log_files):
        service = Service(folder, settings, predictor(folder), "stand-in 1")
        signal.signal(signal.SIGTERM, lambda *_: service.stop.set())
        service.run()


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2])
