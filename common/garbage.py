"""Garbage collection while many objects are made."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager

__all__ = ["collection"]


@contextmanager
def collection(enabled: bool) -> Iterator[None]:
    """Turn the collection of reference cycles on or off, and afterwards back; also a decorator.

    As the objects of a process grow in number, such as those of a large JSON, Python goes through all of them again and
    again, which makes a step slower than linear. Off is for steps that make no large objects with cycles, as their
    memory is not freed meanwhile.

    Args:
        enabled: whether cycles are collected.
    """
    before = gc.isenabled()
    (gc.enable if enabled else gc.disable)()
    try:
        yield
    finally:
        (gc.enable if before else gc.disable)()
