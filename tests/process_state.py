"""A plugin of pytest: whatever ran before, every test finds the process in the same state."""

from __future__ import annotations

import ctypes
import gc
import logging
import os
import platform
import random
import sys
from collections.abc import Generator

import numpy as np
import pytest
import torch

from common.allocator import M_MMAP_THRESHOLD, M_TRIM_THRESHOLD


def give_freed_memory_back() -> None:
    """Undo :func:`common.keep_freed_memory` of an earlier test: memory that is freed goes back to the system."""
    if platform.libc_ver()[0] == "glibc":
        mallopt = ctypes.CDLL(None).mallopt
        mallopt(M_MMAP_THRESHOLD, 2**17)
        mallopt(M_TRIM_THRESHOLD, 2**17)


class ProcessState:
    """Random generators, torch's settings, environment, folder, paths of imports, logging and the exception hook."""

    def __init__(self) -> None:
        self.random = random.getstate(), np.random.get_state(), torch.get_rng_state(), _monai_seed()
        self.dtype, self.threads, self.gradients = (
            torch.get_default_dtype(),
            torch.get_num_threads(),
            torch.is_grad_enabled(),
        )
        self.deterministic = torch.are_deterministic_algorithms_enabled()
        self.warn_only = torch.is_deterministic_algorithms_warn_only_enabled()
        self.cudnn = torch.backends.cudnn.deterministic, torch.backends.cudnn.benchmark
        self.environment, self.folder, self.path = dict(os.environ), os.getcwd(), list(sys.path)
        self.arguments, self.hook = list(sys.argv), sys.excepthook
        self.root = logging.root.level, _handlers()

    def restore(self) -> None:
        """Put everything back."""
        random.setstate(self.random[0])
        np.random.set_state(self.random[1])
        torch.set_rng_state(self.random[2])
        if "monai.utils.misc" in sys.modules:
            sys.modules["monai.utils.misc"]._seed = self.random[3]
        torch.set_default_dtype(self.dtype)
        torch.set_num_threads(self.threads)
        torch.set_grad_enabled(self.gradients)
        torch.use_deterministic_algorithms(self.deterministic, warn_only=self.warn_only)
        torch.backends.cudnn.deterministic, torch.backends.cudnn.benchmark = self.cudnn
        if dict(os.environ) != self.environment:
            os.environ.clear()
            os.environ.update(self.environment)
        os.chdir(self.folder)
        sys.path[:], sys.argv[:], sys.excepthook = self.path, self.arguments, self.hook
        logging.root.setLevel(self.root[0])
        for handler in _handlers():
            if handler not in self.root[1]:
                logging.root.removeHandler(handler)
        for log in logging.root.manager.loggerDict.values():
            if isinstance(log, logging.Logger):
                log.disabled = False  # logging.config.fileConfig disables those that it does not name

    @classmethod
    def at_start(cls) -> ProcessState:
        """The state that every test begins with: this one, with generators seeded by 0."""
        random.seed(0)
        np.random.seed(0)
        torch.manual_seed(0)
        return cls()


def _monai_seed() -> int | None:
    """The seed of ``set_determinism``, which seeds every later ``Compose``."""
    return getattr(sys.modules.get("monai.utils.misc"), "_seed", None)


def _handlers() -> list[logging.Handler]:
    """The root logger's handlers but those by which pytest captures."""
    return [handler for handler in logging.root.handlers if not type(handler).__module__.startswith("_pytest")]


START = pytest.StashKey[ProcessState]()


def pytest_configure(config: pytest.Config) -> None:
    """Generators are seeded here, with the same seed in every order; pytest-randomly only shuffles."""
    config.option.randomly_reset_seed = False


def pytest_collection_finish(session: pytest.Session) -> None:
    """All modules are imported and no test has run; garbage is no longer looked for among what they made."""
    session.config.stash[START] = ProcessState.at_start()
    gc.collect()
    gc.freeze()


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    """No test finds what another left."""
    item.config.stash[START].restore()


@pytest.hookimpl(wrapper=True)
def pytest_fixture_setup(
    fixturedef: pytest.FixtureDef, request: pytest.FixtureRequest
) -> Generator[None, object, object]:
    """A fixture that several tests share depends on none of them, and leaves nothing to the first of them only."""
    if fixturedef.scope == "function":
        return (yield)
    before = ProcessState()
    request.config.stash[START].restore()
    try:
        return (yield)
    finally:
        before.restore()
