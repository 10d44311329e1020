"""Fixtures that every test may use."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path

import pytest
from filelock import FileLock

from tests.python_commands import end_forks, share_fork_server, use_shared_fork_server

PROJECT = Path(__file__).resolve().parent.parent
SHARED_DATA = PROJECT.parent / "shared" / "data"
BUNDLES = PROJECT / "tests" / "bundles"
WORKER_MEMORY = 4 << 30  # bytes, with the processes that its tests start

pytest.register_assert_rewrite("tests.bundles")  # shared tests
pytest_plugins = ["tests.process_state", "tests.remembered"]
if find_spec("hypothesis"):
    pytest_plugins.append("tests.fuzzing")
else:
    collect_ignore_glob = ["**/test_*fuzz.py"]


def pytest_xdist_auto_num_workers() -> int:
    """A worker more than cores, as tests wait for servers and other processes, with 4 GiB of memory for each."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return max(1, min(cores + 1, memory // WORKER_MEMORY))


def pytest_configure(config: pytest.Config) -> None:
    """All workers' commands are forks of one interpreter, which belongs to the process that starts the workers."""
    if "PYTEST_XDIST_WORKER" in os.environ:
        use_shared_fork_server()
    elif getattr(config.option, "numprocesses", None):
        share_fork_server()


def pytest_unconfigure(config: pytest.Config) -> None:
    """A command of a test that was killed does not keep the whole run from its end."""
    if "PYTEST_XDIST_WORKER" not in os.environ and getattr(config.option, "numprocesses", None):
        end_forks()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Files with slow tests and those of bundles come first, so that all workers end at about the same time."""
    slow = {item.path for item in items if item.get_closest_marker("slow")}
    items.sort(key=lambda item: (item.path not in slow, BUNDLES not in item.path.parents))


@pytest.fixture(scope="session")
def project() -> Path:
    """The project's root folder."""
    return PROJECT


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of small real cohorts beside the checkout; tests that need it skip where it is absent."""
    if not SHARED_DATA.is_dir():
        pytest.skip(f"the real images are not here: no folder {SHARED_DATA}")
    return SHARED_DATA


@pytest.fixture(scope="session")
def made_once(tmp_path_factory) -> Callable[[str, Callable[[Path], object]], Path]:
    """``made_once(name, make)``: folder that ``make(folder)`` filled in one worker, for all workers to read."""
    root = tmp_path_factory.getbasetemp()
    root = root.parent if "PYTEST_XDIST_WORKER" in os.environ else root

    def made_once(name: str, make: Callable[[Path], object]) -> Path:
        folder, ready = root / "made_once" / name, root / "made_once" / f"{name}.ready"
        folder.parent.mkdir(parents=True, exist_ok=True)
        with FileLock(f"{folder}.lock"):
            if not ready.exists():
                shutil.rmtree(folder, ignore_errors=True)  # another worker's attempt failed
                folder.mkdir()
                make(folder)
                ready.touch()
        return folder

    return made_once
