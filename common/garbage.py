"""Garbage collection that waits."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager

__all__ = ["collection_paused"]


@contextmanager
def collection_paused() -> Iterator[None]:
    """Pause the collection of reference cycles while many objects without any are made, such as those of a large JSON.

    Python goes through all objects of the process again and again as their number grows, which makes such a step slower
    than linear. For short steps alone, as memory in cycles is not freed meanwhile. Also a decorator.
    """
    if not gc.isenabled():
        yield
        return
    gc.disable()
    try:
        yield
    finally:
        gc.enable()
