"""Garbage collection while many objects are made."""

from __future__ import annotations

import gc
import threading
from collections.abc import Iterator
from contextlib import contextmanager

__all__ = ["collection"]

_lock = threading.Lock()
_enabled = True  # before the first step without
_pauses = 0  # steps without, of all threads


@contextmanager
def collection(enabled: bool) -> Iterator[None]:
    """Turn the collection of reference cycles off, or within such a step on again, and then back; also a decorator.

    As the objects of a process grow in number, such as those of a large JSON, Python goes through all of them again and
    again, which makes a step slower than linear. Off is for steps that make no large objects with cycles, as their
    memory is not freed meanwhile.

    Args:
        enabled: whether cycles are collected; where they were not before all steps, they never are.
    """
    global _enabled, _pauses
    with _lock:
        if _pauses == 0:
            _enabled = gc.isenabled()
        _pauses += not enabled
        (gc.enable if enabled and _enabled else gc.disable)()
    try:
        yield
    finally:
        with _lock:  # several threads may be within: the last one that leaves turns it on
            _pauses -= not enabled
            (gc.enable if _enabled and _pauses == 0 else gc.disable)()
