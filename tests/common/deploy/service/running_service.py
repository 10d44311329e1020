"""The service as a process, with an archive or a stand-in: started, killed and started again on the same queue."""

from __future__ import annotations

import json
import re
import signal
import subprocess
import sys
import urllib.request
from pathlib import Path
from typing import Any

import yaml

from tests.common.deploy.service.sent_studies import wait_for

LISTENS = "listens at"
PROJECT = Path(__file__).parents[4]


class RunningService:
    """A service.

    Args:
        folder: folder of the service.
        archive: archive that it serves; ``None`` for the stand-in, which starts faster.
        settings: settings that differ from those of a quick test.
    """

    def __init__(self, folder: Path, archive: Path | None = None, **settings: Any) -> None:
        self.folder, self.archive, self.process = folder, archive, None
        folder.mkdir(parents=True, exist_ok=True)
        quick = {
            "port": 0,
            "health_port": 0,
            "settle": 0.5,
            "backoff": 0.2,
            "min_free": 0,
            "peers": {"SCANNER": ["127.0.0.1"]},
        }
        (folder / "service.yaml").write_text(yaml.safe_dump(quick | settings))

    def __enter__(self) -> RunningService:
        return self.start()

    def __exit__(self, *_: object) -> None:
        if self.process and self.process.poll() is None:
            self.process.terminate()
            self.process.wait(30)

    def start(self) -> RunningService:
        """Start it, and wait until it listens."""
        settings = self.folder / "service.yaml"
        mark = LISTENS if yaml.safe_load(settings.read_text())["peers"] else "health and metrics at"
        starts = self.log.count(mark)
        command = [sys.executable, "-m", "tests.common.deploy.service.stand_in", self.folder, settings]
        if self.archive is not None:
            script = [PROJECT / "scripts/serve.py", self.archive, self.folder, "--settings", settings]
            command = [sys.executable, *script, "--device", "cpu"]
        with open(self.folder / "output.txt", "ab") as log:
            self.process = subprocess.Popen(command, cwd=PROJECT, stderr=log, stdout=log, start_new_session=True)
        wait_for(lambda: self.log.count(mark) > starts or self.process.poll() is not None, 120)
        assert self.process.poll() is None, (self.folder / "output.txt").read_text()
        return self

    def kill(self) -> None:
        """SIGKILL, which a process cannot handle."""
        self.process.send_signal(signal.SIGKILL)
        self.process.wait(30)

    @property
    def port(self) -> int:
        """The DICOM port."""
        return int(re.findall(rf"{LISTENS} .*:(\d+)", self.log)[-1])

    @property
    def log(self) -> str:
        """The log file."""
        path = self.folder / "log/service.log"
        return path.read_text() if path.is_file() else ""

    def get(self, path: str) -> str:
        """Answer of the health endpoint."""
        address = re.findall(r"health and metrics at (http://127\.0\.0\.1:\d+)", self.log)[-1]
        try:
            with urllib.request.urlopen(address + path, timeout=10) as answer:
                return answer.read().decode()
        except urllib.error.HTTPError as error:
            return f"{error.code} {error.read().decode()}"

    @property
    def states(self) -> dict[str, int]:
        """Studies by state."""
        return {name: count for name, count in json.loads(self.get("/health"))["studies"].items() if count}

    @property
    def predictions(self) -> list[str]:
        """Study Instance UIDs of all predictions."""
        path = self.folder / "predictions.txt"
        return path.read_text().split() if path.is_file() else []

    @property
    def memory(self) -> int:
        """Resident memory in KiB."""
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        return int(re.search(r"VmRSS:\s+(\d+)", status)[1])
