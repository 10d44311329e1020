"""``scripts/study.py`` as a user types it, and what it leaves."""

from __future__ import annotations

from pathlib import Path

from tests.python_commands import run_python

PROJECT = Path(__file__).resolve().parents[2]
# The process in which a plan measures steps imports everything anew: here it is a fork.
PROGRAM = """
import multiprocessing, runpy, sys
get_context = multiprocessing.get_context
multiprocessing.get_context = lambda method=None: get_context("fork" if method == "spawn" else method)
del sys.argv[0]
runpy.run_path(sys.argv[0], run_name="__main__")
"""


def study(folder: Path, *words: str) -> str:
    """What ``study.py`` prints."""
    done = run_python(["-c", PROGRAM, PROJECT / "scripts/study.py", *words], folder)
    assert done.returncode == 0, done.stderr
    return done.stdout


def files(folder: Path) -> dict[str, tuple[int, bytes]]:
    """Time and content of each file."""
    paths = [path for path in sorted(folder.rglob("*")) if path.is_file()]
    return {path.relative_to(folder).as_posix(): (path.stat().st_mtime_ns, path.read_bytes()) for path in paths}
