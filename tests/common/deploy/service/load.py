"""Many studies by several senders at once, and a service that is killed meanwhile: what comes out, and its memory.

usage: python -m tests.common.deploy.service.load FOLDER [STUDIES] [KILLS]

The archive is a tiny classifier; the studies are sent by DCMTK's storescu if it is here.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
from pydicom.uid import generate_uid

from tests.common.deploy.service.running_service import RunningService
from tests.common.deploy.service.sent_studies import break_off, receiving_archive, send, wait_for

WAITING = 40  # studies that may be under way, so that the service is killed while it receives, too
MINUTES = 20  # before the senders give up
PATIENCE = 5.0  # seconds for an answer, as pynetdicom does not notice that a service was killed; then it is sent again


@dataclass(frozen=True)
class SentStudy:
    """A study that is to be sent.

    Attributes:
        uid: Study Instance UID.
        folder: folder of its files.
        broken: whether its sender breaks off before the last image, and does not come back.
    """

    uid: str
    folder: Path
    broken: bool = False


def transmit(study: SentStudy, port: int) -> bool:
    """Send a study as a scanner does; whether all of it was confirmed."""
    files = sorted(study.folder.iterdir())
    if study.broken:
        return break_off([pydicom.dcmread(path) for path in files[:-1]], port, seconds=PATIENCE)
    if (program := storescu()) is None:
        return send([pydicom.dcmread(path) for path in files], port, seconds=PATIENCE)
    command = [program, "-aet", "SCANNER", "-aec", "CLINSSL", "+sd", "127.0.0.1", str(port), study.folder]
    return subprocess.run(command, capture_output=True, timeout=60).returncode == 0


def storescu() -> str | None:
    """Path of DCMTK's sender; pynetdicom's of that name, a script in whatever environment is active, is another one."""
    folders = os.environ.get("PATH", "").split(os.pathsep)
    found = (shutil.which("storescu", path=folder) for folder in folders if folder)
    return next((path for path in found if path and not Path(path).read_bytes().startswith(b"#!")), None)


def run_load(
    service: RunningService, studies: Sequence[SentStudy], came: Counter, results: int, kills: int, senders: int = 4
) -> dict[str, Any]:
    """Send all studies, and kill the service while the first half of the results comes.

    Args:
        service: running service.
        studies: studies to send.
        came: number of times that each study and instance has come at the destination.
        results: number of studies that can be predicted.
        kills: number of times that the service is killed.
        senders: number of senders.

    Returns:
        What came, by name.
    """
    sent, start = Counter(), time.monotonic()

    def work(own: Sequence[SentStudy]) -> None:
        for study in own:
            while time.monotonic() - start < 60 * MINUTES:
                if sum(sent.values()) - len(came) > WAITING:
                    time.sleep(0.05)
                    continue
                try:
                    if transmit(study, service.port):
                        break
                except (OSError, RuntimeError, ValueError):  # the service was killed meanwhile
                    pass
                time.sleep(0.1)
            sent[threading.get_ident()] += study.uid in usable

    failing = len(studies) - results
    usable = {study.uid for study in studies[failing:]}
    mixed = sorted(studies, key=lambda study: study.uid[-6:])
    threads = [threading.Thread(target=work, args=(mixed[number::senders],)) for number in range(senders)]
    for thread in threads:
        thread.start()
    memory = []
    for number in range(kills):
        least = (number + 1) * results // (2 * kills + 2)
        wait_for(lambda: len(came) >= least, 60 * MINUTES)  # noqa: B023
        memory.append(service.memory)
        service.kill()
        service.start()
    last, begun = [], len(came)
    for part in range(1, 5):
        least = begun + part * (results - begun) // 4
        wait_for(lambda: len(came) >= least, 60 * MINUTES)  # noqa: B023
        last.append(service.memory)
    for thread in threads:
        thread.join(60)
    wait_for(lambda: service.states == {"done": results} | ({"failed": failing} if failing else {}), 300)
    seconds = time.monotonic() - start
    instances = Counter(study for study, _ in came)
    reasons = Counter(each["reason"] for each in json.loads(service.get("/health"))["failed"])
    return {
        "studies sent": len(studies),
        "kills": kills,
        "results": len(instances),
        "lost": len(usable - set(instances)),
        "studies with more than one result": sum(number > 1 for number in instances.values()),
        "results sent again after a kill, with the same UID": sum(came.values()) - len(came),
        "failed": service.states.get("failed", 0),
        "reasons of the last 20 failures": dict(reasons),
        "memory before each kill (MiB)": [value >> 10 for value in memory],
        "memory of the last process at a quarter, half, three quarters and all of its results (MiB)": [
            value >> 10 for value in last
        ],
        "seconds": round(seconds),
    }


def main(folder: Path, count: int = 500, kills: int = 10) -> None:
    from tests.common.deploy.made_studies import write_dicom
    from tests.common.deploy.service.tiny_archive import write_tiny_archive

    failing, studies = count // 50, []
    volume = np.kron(np.arange(1, 13).reshape(3, 2, 2), np.ones((4, 4, 2))).astype(np.int16)
    for number in range(count + 2 * failing):
        uid = generate_uid()[:50].rstrip(".")
        files = write_dicom(folder / "studies" / str(number), volume, np.eye(4), "AX adrenal", uid)
        if number < failing:
            files[1].unlink()  # a slice is missing
        studies.append(SentStudy(uid, folder / "studies" / str(number), broken=failing <= number < 2 * failing))
    archive = write_tiny_archive(folder / "archive")
    with (
        receiving_archive() as (port, came),
        RunningService(folder / "service", archive, destinations=[f"dicom://PACS@127.0.0.1:{port}"]) as service,
    ):
        print(json.dumps(run_load(service, studies, came, count, kills), indent=1))


if __name__ == "__main__":
    main(Path(sys.argv[1]), *map(int, sys.argv[2:]))
