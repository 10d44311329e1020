"""The real MONAI Label server, asked over HTTP."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from tests.python_commands import free_port

SECONDS = 300
# Forks of one interpreter that has imported MONAI, which takes ten seconds: one server for each line that it reads.
STARTER = """
import json, os, runpy, signal, sys
import fastapi, monai.apps, uvicorn
signal.signal(signal.SIGCHLD, signal.SIG_IGN)
for line in sys.stdin:
    words, folder, environment = json.loads(line)
    pid = os.fork()
    if pid:
        print(pid, flush=True)
        continue
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    log = os.open("server.log", os.O_WRONLY | os.O_CREAT | os.O_TRUNC, dir_fd=os.open(folder, os.O_RDONLY))
    for number in (1, 2):
        os.dup2(log, number)
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    os.environ.clear()
    os.environ.update(environment)
    os.chdir(folder)
    sys.path.insert(0, folder)
    sys.argv = ["monailabel.main", *words]
    runpy.run_module("monailabel.main", run_name="__main__", alter_sys=True)
    os._exit(0)
"""


@cache
def starter(python: Path) -> subprocess.Popen[str]:
    """The interpreter of an environment that starts servers; it ends with this process."""
    env = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"} | {"OMP_NUM_THREADS": "1"}
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    return subprocess.Popen([python, "-W", "ignore", "-c", STARTER], env=env, text=True, **pipes)


class LabelServer:
    """A server of the stock ``monaibundle`` app, in a folder of its own.

    Args:
        environment: folder of the environment.
        folder: for app, models and log.
        studies: folder of the images, or address of a DICOMweb server.
        variables: environment variables of the server.
    """

    def __init__(self, environment: Path, folder: Path, studies: Path | str, **variables: str) -> None:
        self.python, self.folder, self.studies = environment / "bin/python", folder, studies
        self.variables = {"OMP_NUM_THREADS": "1", **variables}
        shutil.copytree(environment / "monailabel/sample-apps/monaibundle", folder / "app")
        self.models = folder / "app/model"
        self.models.mkdir()
        self.port = free_port()

    @contextmanager
    def running(self) -> Iterator[None]:
        """Run it with all models in the app's folder; :meth:`wait` comes back when it is ready."""
        names = ",".join(sorted(path.name for path in self.models.iterdir()))
        options = ["--host", "127.0.0.1", "--port", self.port, "--app", self.folder / "app", "--studies", self.studies]
        conf = [word for pair in (("models", names), ("zoo_source", "ngc")) for word in ("--conf", *pair)]
        words = [str(word) for word in ("start_server", *options, *conf)]
        env = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"} | self.variables
        env["PATH"] = f"{self.python.parent}{os.pathsep}{env['PATH']}"  # programs of DCMQI
        process = starter(self.python)
        process.stdin.write(json.dumps([words, str(self.folder), env]) + "\n")
        process.stdin.flush()
        self.pid = int(process.stdout.readline())
        try:
            yield
        finally:
            self.stop()

    @property
    def alive(self) -> bool:
        """Whether its process has not ended."""
        try:
            os.kill(self.pid, 0)
        except ProcessLookupError:
            return False
        return True

    def stop(self) -> None:
        """End it, by SIGKILL if it does not obey within a minute."""
        end = time.monotonic() + 60
        while self.alive:
            with suppress(ProcessLookupError):
                os.kill(self.pid, signal.SIGTERM if time.monotonic() < end else signal.SIGKILL)
            time.sleep(0.2)

    def wait(self) -> None:
        """Until it answers."""
        end = time.monotonic() + SECONDS
        while time.monotonic() < end and self.alive:
            try:
                self.ask("GET", "/info/")
                return
            except urllib.error.URLError:
                time.sleep(0.2)
        pytest.fail(f"no answer from MONAI Label: {self.log_text()[-4000:]}")

    def log_text(self) -> str:
        """All that it has logged."""
        log = self.folder / "server.log"
        return log.read_text() if log.is_file() else ""

    def ask(self, method: str, path: str, content: bytes | None = None, content_type: str = "application/json") -> Any:
        """What it answers, read as JSON."""
        return json.loads(self.fetch(method, path, content, content_type))

    def fetch(self, method: str, path: str, content: bytes | None = None, content_type: str = "text/plain") -> bytes:
        """What it answers."""
        request = urllib.request.Request(f"http://127.0.0.1:{self.port}{path}", content, method=method)
        request.add_header("Content-Type", content_type)
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        with opener.open(request, timeout=SECONDS) as answer:
            return answer.read()

    def scores(self, model: str, image: str) -> dict[str, float]:
        """Each class's score of an image."""
        answer = self.ask("POST", f"/infer/{model}?image={image}&output=json")
        return {entry["label"]: entry["score"] for entry in answer["prediction"]}

    def refusal(self, model: str, image: str) -> str:
        """What it answers to a request that fails, with the last error that it logs."""
        before = len(self.errors())
        try:
            self.scores(model, image)
        except urllib.error.HTTPError as error:
            end = time.monotonic() + SECONDS
            while len(self.errors()) == before and time.monotonic() < end:  # it answers before it logs
                time.sleep(0.05)
            return f"{error.code} {error.read().decode()}: {self.errors()[-1]}"
        return "no refusal"

    def errors(self) -> list[str]:
        """Last lines of the tracebacks in its log."""
        return [line for line in self.log_text().splitlines() if re.match(r"[\w.]*(Error|Exception): ", line)]

    def save_label(self, image: str, path: Path, tag: str = "", params: str = "{}") -> None:
        """Upload a label."""
        part = '--part\r\nContent-Disposition: form-data; name="{}"\r\n\r\n'
        head = part.format(f'label"; filename="{path.name}')
        body = part.format("params") + params + "\r\n" + head
        whole = body.encode() + path.read_bytes() + b"\r\n--part--\r\n"
        self.ask("PUT", f"/datastore/label?image={image}&tag={tag}", whole, "multipart/form-data; boundary=part")
