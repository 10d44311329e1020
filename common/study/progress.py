"""One bar for all runs of a study: stage, epoch, and the time that is left."""

from __future__ import annotations

import os
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TextIO

from tqdm import tqdm

from ..tasks.task import epochs_done
from .pace import Pace

__all__ = ["Watched", "duration", "watching"]

EVERY = 1.0  # seconds between two looks
QUIET = 60.0  # seconds between two lines where there is no terminal


@dataclass(frozen=True)
class Watched:
    """A run.

    Args:
        name: words for the bar.
        makes: file that is there once the run is done; ``None`` for one that is done when the ``with`` block ends.
        seconds: estimated seconds.
        stage: stage whose pace it has; by default its own.
        epochs: number of epochs, of which ``metrics.csv`` beside the result has a row each.
    """

    name: str
    makes: Path | None
    seconds: float
    stage: str = ""
    epochs: int = 0

    def done(self) -> bool:
        """Whether its file is there."""
        return self.makes is not None and self.makes.exists()

    def epoch(self) -> int:
        """Number of epochs that are done."""
        if not self.epochs or self.makes is None:
            return 0
        return min(self.epochs, epochs_done(self.makes))

    def share(self) -> float:
        """Part of the run that is done."""
        return self.epoch() / self.epochs if self.epochs else 0.0


@contextmanager
def watching(
    runs: Sequence[Watched], terminal: TextIO, title: str, *, workers: int = 1, pace: Pace | None = None
) -> Iterator[None]:
    """Show a bar while the runs are done in a ``with`` block, by the files that they make.

    Args:
        runs: runs in their order; those whose file exists are done.
        terminal: stream of the bar.
        title: words before the bar.
        workers: number of runs at the same time.
        pace: pace of the stages so far.
    """
    watch = _Watch(list(runs), workers, pace or Pace())
    ended = threading.Event()
    thread = threading.Thread(target=watch.show, args=(terminal, title, ended.wait), daemon=True)
    thread.start()
    try:
        yield
        watch.finished = True
    finally:
        ended.set()
        thread.join()


class _Watch:
    """What is done of the runs, and how fast."""

    def __init__(self, runs: list[Watched], workers: int, pace: Pace) -> None:
        self.runs, self.workers, self.pace = runs, workers, pace
        self.finished = False
        self.unseen: defaultdict[str, float] = defaultdict(float)  # seconds of each stage since it last went on
        self.shares = [1.0 if run.done() else run.share() for run in runs]

    def show(self, terminal: TextIO, title: str, wait: Callable[[float], bool]) -> None:
        """Draw the bar until the block ends."""
        start = looked = time.monotonic()
        interval = 0.1 if terminal.isatty() else QUIET
        form = "{desc} {percentage:3.0f}% |{bar:24}| {unit}"
        total, columns = sum(run.seconds for run in self.runs), _columns(terminal)
        look = {"bar_format": form, "mininterval": interval, "ncols": columns, "unit": ""}
        with tqdm(total=total, desc=title, file=terminal, position=0, **look) as bar:  # below no bar of a library
            ended = False
            while not ended:
                ended = wait(EVERY)
                now = time.monotonic()
                self._look(now - looked)
                looked = now
                bar.unit = self._text(now - start)  # {postfix} would begin with a comma
                bar.update(sum(run.seconds * part for run, part in zip(self.runs, self.shares, strict=True)) - bar.n)
            bar.leave = self.finished  # above an error a bar would only be in the way

    def _look(self, passed: float) -> None:
        """Note what has been done since the last look."""
        running = [place for place, share in enumerate(self.shares) if share < 1][: self.workers]
        for place in running:
            self.unseen[self._stage(place)] += passed / len(running)
        for place, run in enumerate(self.runs):
            before = self.shares[place]
            if before < 1:
                finished = run.done() or (self.finished and run.makes is None)
                self.shares[place] = 1.0 if finished else max(before, min(run.share(), 0.99))
                if self.shares[place] > before:
                    stage = self._stage(place)
                    self.pace.add(stage, self.unseen.pop(stage, 0.0), run.seconds * (self.shares[place] - before))

    def _stage(self, place: int) -> str:
        return self.runs[place].stage or self.runs[place].name

    def _text(self, elapsed: float) -> str:
        done = f"{sum(share == 1 for share in self.shares)}/{len(self.runs)} runs, " if len(self.runs) > 1 else ""
        place = next((place for place, share in enumerate(self.shares) if share < 1), None)
        if place is None:
            return f"{done}{duration(elapsed)}"
        remaining: defaultdict[str, float] = defaultdict(float)
        for number, run in enumerate(self.runs):
            remaining[self._stage(number)] += run.seconds * (1 - self.shares[number])
        # what a run does within an epoch, or until its only file is there, is not seen, but its time has passed
        left = sum(max(0.0, self.pace.left({stage: rest}) - self.unseen[stage]) for stage, rest in remaining.items())
        run = self.runs[place]
        epoch = f", epoch {run.epoch()}/{run.epochs}" if run.epochs else ""
        when = f"{duration(left)} left" if left >= 1 else f"{duration(elapsed)} so far"  # longer than was expected
        return f"{done}{when}: {run.name}{epoch}"


def _columns(terminal: TextIO) -> int | None:
    """Width of a terminal, so that the bar has one line; ``None`` for a file."""
    with suppress(OSError, ValueError):
        return os.get_terminal_size(terminal.fileno()).columns
    return None


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
