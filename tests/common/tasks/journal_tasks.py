"""Tasks that note in a journal when they start and end, in whatever process they run."""

from __future__ import annotations

import os
import signal
import time
from collections import Counter
from functools import partial
from pathlib import Path

from common.errors import InputError
from common.tasks import Task

SECONDS = 120  # limit of waiting for another task


def note(folder: Path, line: str) -> None:
    """Append a line; short appends of several processes do not mix."""
    with (folder / "journal").open("a") as file:
        file.write(f"{line} {os.getpid()}\n")


def make(folder: Path, name: str, needs: tuple[str, ...], seconds: float = 0.0) -> None:
    """Write a file with the content of those that it needs, unless it is there."""
    if (folder / name).is_file():
        return
    note(folder, f"start {name}")
    time.sleep(seconds)
    (folder / name).write_text("+".join([name, *((folder / other).read_text() for other in needs)]))
    note(folder, f"end {name}")


def until(there: Path) -> None:
    """Wait for a file of another task or of the test."""
    end = time.monotonic() + SECONDS
    while not there.exists():
        assert time.monotonic() < end, f"{there.name} did not come"
        time.sleep(0.01)


def meet(folder: Path, name: str, other: str) -> None:
    """Write what the process may use, once another task that waits for this one runs too."""
    (folder / f"{name} runs").touch()
    until(folder / f"{other} runs")
    (folder / name).write_text(f"{os.environ['OMP_NUM_THREADS']} {os.environ.get('CUDA_VISIBLE_DEVICES')}")


def make_after(folder: Path, name: str, there: Path) -> None:
    """Write a file when another one is there."""
    until(there)
    make(folder, name, ())


def killed_once(folder: Path, name: str) -> None:
    """End its process without a word, unless that has happened before."""
    note(folder, f"start {name}")
    if not (folder / "killed").exists():
        (folder / "killed").touch()
        os.kill(os.getpid(), signal.SIGKILL)
    (folder / name).write_text(name)
    note(folder, f"end {name}")


def killed_always(folder: Path) -> None:
    """End its process without a word."""
    note(folder, "start always")
    os.kill(os.getpid(), signal.SIGKILL)


def refuse() -> None:
    """Fail as MONAI does: an error for users inside another one."""
    try:
        raise InputError("a.json: no fold")
    except InputError as error:
        raise RuntimeError("cannot be instantiated") from error


def task(folder: Path, name: str, *needs: str, seconds: float = 0.0) -> Task:
    """One that makes the file ``name`` of others."""
    call = partial(make, folder, name, needs, seconds)
    return Task(name, folder / name, call, tuple(folder / other for other in needs))


def counted(folder: Path) -> Counter[str]:
    """How often each task started and ended."""
    return Counter(line.rsplit(" ", 1)[0] for line in (folder / "journal").read_text().splitlines())


def pids(folder: Path) -> set[str]:
    """Processes that have run tasks."""
    return {line.rsplit(" ", 1)[1] for line in (folder / "journal").read_text().splitlines()}
