"""Seconds that work takes on an idle machine: without waiting for processors that other processes keep busy."""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

__all__ = ["Moment", "idle_seconds", "moment"]

TASKS = Path("/proc/self/task")  # Linux: a folder for each thread of this process


@dataclass(frozen=True)
class Moment:
    """What clocks say.

    Attributes:
        wall: seconds of a clock on the wall.
        processor: seconds that all threads of this process have computed.
        waited: seconds that each thread was ready to compute and had no processor; empty where the system does not say.
    """

    wall: float
    processor: float
    waited: Mapping[str, float]


def moment() -> Moment:
    """What the clocks say now."""
    return Moment(time.perf_counter(), time.process_time(), _waited())


def idle_seconds(begin: Moment, end: Moment, threads: int = 1) -> float:
    """Seconds that the work between two moments would have taken on an idle machine.

    The seconds of the thread that has waited longest for a processor are subtracted: all others wait for it. What
    is left is at least the CPU time divided by the threads. Where the system does not report the waiting, it is no more
    than the CPU time.

    Args:
        begin: first moment.
        end: second moment, of the same process.
        threads: number of threads among which the work is divided.

    Example:
        >>> idle_seconds(Moment(0.0, 0.0, {"1": 0.0}), Moment(10.0, 2.0, {"1": 7.5}))
        2.5
    """
    wall, processor = end.wall - begin.wall, end.processor - begin.processor
    if not end.waited:
        return min(wall, processor)
    longest = max(seconds - begin.waited.get(thread, 0.0) for thread, seconds in end.waited.items())
    return min(wall, max(wall - longest, processor / max(1, threads)))


def _waited() -> dict[str, float]:
    found: dict[str, float] = {}
    reported = False  # a kernel that keeps no account of its threads says 0 0 0 for each
    with contextlib.suppress(OSError):
        for thread in os.listdir(TASKS):
            with contextlib.suppress(OSError, IndexError, ValueError):  # one that has ended meanwhile
                numbers = [int(number) for number in (TASKS / thread / "schedstat").read_text().split()]
                found[thread], reported = numbers[1] / 1e9, reported or any(numbers)
    return found if reported else {}
