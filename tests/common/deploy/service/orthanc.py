"""Orthanc as the archive of a hospital, on loopback."""

from __future__ import annotations

import json
import shutil
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.python_commands import free_port

PLUGIN = Path("/usr/share/orthanc/plugins/libOrthancDicomWeb.so")


def is_here() -> bool:
    """Whether Orthanc and its DICOMweb plugin are installed."""
    return shutil.which("Orthanc") is not None and PLUGIN.is_file()


class Orthanc:
    """A running Orthanc.

    Args:
        http: port of its REST interface and of DICOMweb.
        dicom: port of DICOM.
    """

    def __init__(self, http: int, dicom: int) -> None:
        self.http, self.dicom = http, dicom

    def call(self, path: str, data: Any = None) -> Any:
        """Answer of the REST interface."""
        body = data if isinstance(data, bytes) or data is None else json.dumps(data).encode()
        with urllib.request.urlopen(f"http://127.0.0.1:{self.http}/{path}", body, timeout=30) as answer:
            content = answer.read()
        return json.loads(content) if answer.headers.get_content_type() == "application/json" else content

    def upload(self, folder: Path) -> None:
        """Store all files of a folder."""
        for path in sorted(folder.rglob("*.dcm")):
            self.call("instances", path.read_bytes())

    def series(self, modality: str) -> list[dict[str, Any]]:
        """Series of one modality."""
        query = {"Level": "Series", "Query": {"Modality": modality}, "Expand": True}
        return self.call("tools/find", query)


@contextmanager
def running_orthanc(folder: Path, modalities: dict[str, tuple[str, int]]) -> Iterator[Orthanc]:
    """Start Orthanc, and end it with the block.

    Args:
        folder: folder of its files.
        modalities: AE title and port on loopback of those to whom it sends, by name.
    """
    orthanc = Orthanc(free_port(), free_port())
    folder.mkdir(parents=True, exist_ok=True)
    settings = {
        "StorageDirectory": str(folder / "storage"),
        "IndexDirectory": str(folder / "storage"),
        "HttpPort": orthanc.http,
        "DicomPort": orthanc.dicom,
        "DicomAet": "ORTHANC",
        "RemoteAccessAllowed": False,
        "AuthenticationEnabled": False,
        "Plugins": [str(PLUGIN)],
        "DicomWeb": {"Enable": True},
        "DicomModalities": {name: [title, "127.0.0.1", port] for name, (title, port) in modalities.items()},
    }
    (folder / "orthanc.json").write_text(json.dumps(settings))
    with open(folder / "log.txt", "wb") as log:
        process = subprocess.Popen(["Orthanc", folder / "orthanc.json"], stdout=log, stderr=log)
    try:
        end = time.monotonic() + 120
        while True:
            try:
                orthanc.call("system")
                break
            except (OSError, urllib.error.URLError):
                assert process.poll() is None and time.monotonic() < end, (folder / "log.txt").read_text()
                time.sleep(0.1)
        yield orthanc
    finally:
        process.terminate()
        process.wait(120)
