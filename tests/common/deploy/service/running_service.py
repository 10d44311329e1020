"""The service as a process, with an archive or a stand-in: started, killed and started again on the same queue."""

from __future__ import annotations

import json
import re
import urllib.request
from pathlib import Path
from typing import Any

import yaml

from tests.common.deploy.service.sent_studies import wait_for
from tests.python_commands import Command

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
        if self.running:
            self.process.process.terminate()
            self.process.result()

    def start(self) -> RunningService:
        """Start it, and wait until it listens."""
        settings = self.folder / "service.yaml"
        mark = LISTENS if yaml.safe_load(settings.read_text())["peers"] else "health and metrics at"
        starts = self.log.count(mark)
        words = ["-m", "tests.common.deploy.service.stand_in", self.folder, settings]
        if self.archive is not None:
            words = [PROJECT / "scripts/serve.py", self.archive, self.folder, "--settings", settings]
            words += ["--device", "cpu"]
        self.process = Command(words, PROJECT)
        wait_for(lambda: self.log.count(mark) > starts or not self.running)
        assert self.running, self.process.result().stderr
        return self

    @property
    def running(self) -> bool:
        """Whether it has been started and has not ended."""
        return self.process is not None and self.process.running

    def kill(self) -> None:
        """SIGKILL, which a process cannot handle."""
        self.process.kill()

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
            with urllib.request.urlopen(address + path, timeout=60) as answer:
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
        status = Path(f"/proc/{self.process.process.pid}/status").read_text()
        return int(re.search(r"VmRSS:\s+(\d+)", status)[1])
