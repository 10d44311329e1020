"""What processes that work for another one share: their number of threads, and their end."""

from __future__ import annotations

import os
import threading
import time

__all__ = ["THREADED", "end_with_parent"]

THREADED = ("OMP", "OPENBLAS", "MKL")  # libraries that use as many threads as a variable <name>_NUM_THREADS says
INTERVAL = 0.5


def end_with_parent(parent: int) -> None:
    """Let this process end soon after the one that started it, however that ends; initializer of executors.

    A worker whose parent was killed would otherwise finish its task and write, while the same command, started again,
    runs that task a second time or finds its folder locked.

    Args:
        parent: process ID of the one that starts workers, which passes its own.
    """
    threading.Thread(target=_watch, args=(parent,), name="end_with_parent", daemon=True).start()


def _watch(parent: int) -> None:
    while os.getppid() == parent:
        time.sleep(INTERVAL)
    os._exit(1)
