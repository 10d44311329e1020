"""One bar for all runs of a study: what is running, and the time that is left."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TextIO

from tqdm import tqdm

__all__ = ["Watched", "duration", "watching"]

EVERY = 1.0  # seconds between two looks
QUIET = 60.0  # seconds between two lines where there is no terminal


@dataclass(frozen=True)
class Watched:
    """A run.

    Args:
        name: words for the bar.
        makes: file that is there once the run is done.
        seconds: estimated seconds.
    """

    name: str
    makes: Path
    seconds: float


@contextmanager
def watching(runs: Sequence[Watched], terminal: TextIO, title: str) -> Iterator[None]:
    """Show a bar while the runs are done in a ``with`` block, by the files that they make.

    Args:
        runs: runs in their order; those whose file exists are done.
        terminal: stream of the bar.
        title: words before the bar.
    """
    ended = threading.Event()
    thread = threading.Thread(target=_watch, args=(list(runs), terminal, title, ended.wait), daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()


def _watch(runs: list[Watched], terminal: TextIO, title: str, wait: Callable[[float], bool]) -> None:
    start = time.monotonic()
    done = {run.makes for run in runs if run.makes.exists()}
    before = sum(run.seconds for run in runs if run.makes in done)
    total = sum(run.seconds for run in runs)
    interval = 0.1 if terminal.isatty() else QUIET
    form = "{desc} {percentage:3.0f}% |{bar:24}| {postfix}"
    with tqdm(total=total, desc=title, file=terminal, bar_format=form, mininterval=interval, leave=True) as bar:
        bar.update(before)
        ended = False
        while not ended:
            ended = wait(EVERY)
            done |= {run.makes for run in runs if run.makes not in done and run.makes.exists()}
            finished = sum(run.seconds for run in runs if run.makes in done)
            now = next((run.name for run in runs if run.makes not in done), "")
            left = _left(total - finished, finished - before, time.monotonic() - start)
            number = f"{len(done)}/{len(runs)} runs"
            text = (
                f"{number}, {duration(left)} left: {now}" if now else f"{number}, {duration(time.monotonic() - start)}"
            )
            bar.set_postfix_str(text, refresh=False)
            bar.update(finished - bar.n)


def _left(expected: float, done: float, elapsed: float) -> float:
    """Seconds left: the estimate, corrected by the pace so far in proportion to what it is known from."""
    if done <= 0:
        return expected
    known = min(1.0, done / 120)
    return expected * (known * elapsed / done + 1 - known)


def duration(seconds: float) -> str:
    """A duration in words.

    Example:
        >>> duration(3725)
        '1 h 2 min'
    """
    if seconds < 90:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    if minutes < 90:
        return f"{minutes} min"
    hours, minutes = divmod(minutes, 60)
    if hours < 48:
        return f"{hours} h {minutes} min" if minutes else f"{hours} h"
    return f"{hours / 24:.0f} days"
