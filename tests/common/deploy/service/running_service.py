"""The stand-in service as a process: started, killed and started again on the same queue."""

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

PROJECT = Path(__file__).parents[4]


class RunningService:
    """A service of the stand-in.

    Args:
        folder: folder of the service.
        settings: settings that differ from those of a quick test.
    """

    def __init__(self, folder: Path, **settings: Any) -> None:
        self.folder, self.process = folder, None
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
        (self.folder / "port").unlink(missing_ok=True)
        command = [sys.executable, "-m", "tests.common.deploy.service.stand_in", self.folder]
        command.append(self.folder / "service.yaml")
        with open(self.folder / "output.txt", "ab") as log:
            self.process = subprocess.Popen(command, cwd=PROJECT, stderr=log, stdout=log, start_new_session=True)
        wait_for(lambda: (self.folder / "port").is_file() or self.process.poll() is not None)
        assert self.process.poll() is None, (self.folder / "output.txt").read_text()
        return self

    def kill(self) -> None:
        """SIGKILL, which a process cannot handle."""
        self.process.send_signal(signal.SIGKILL)
        self.process.wait(30)

    @property
    def port(self) -> int:
        """The DICOM port."""
        return int((self.folder / "port").read_text().split()[1])

    @property
    def log(self) -> str:
        """The log file."""
        return (self.folder / "log/service.log").read_text()

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
