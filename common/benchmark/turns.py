"""Timing of several contestants in turns, so that disturbances of the machine affect all of them."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Hashable, Iterable, Mapping
from typing import NamedTuple, TypeVar

import torch
from tqdm import tqdm

__all__ = ["Clock", "Spread", "take_turns"]

Name = TypeVar("Name", bound=Hashable)


class Clock:
    """Seconds, read after the device has completed all work so far.

    Args:
        device: device of the work; a CUDA device works asynchronously, so the clock synchronises it.
        cpu_time: whether to measure the CPU time of this process, over all threads, instead of wall time: on a shared
            machine it is disturbed less, but waiting, as for the disk, is not included.
    """

    def __init__(self, device: torch.device | str, cpu_time: bool = False) -> None:
        self.device = torch.device(device)
        self.seconds = time.process_time if cpu_time else time.perf_counter

    def __call__(self) -> float:
        """Seconds of a monotonic clock."""
        if self.device.type == "cuda":
            torch.cuda.synchronize(self.device)
        return self.seconds()


class Spread(NamedTuple):
    """Median and range of the rounds."""

    median: float
    min: float
    max: float

    @classmethod
    def of(cls, values: Iterable[float]) -> Spread:
        """Median and range of one value per round."""
        values = list(values)
        return cls(statistics.median(values), min(values), max(values))


def take_turns(
    contestants: Mapping[Name, Callable[[int], None]],
    rounds: int,
    steps: int,
    turn: int,
    clock: Callable[[], float],
    title: str = "rounds",
) -> dict[Name, list[float]]:
    """Time the steps of each contestant in every round, a few at a time, one contestant after the other.

    Args:
        contestants: functions by name, which do a given number of steps.
        rounds: number of measurements.
        steps: number of steps of each contestant in a round.
        turn: number of consecutive steps of each contestant. Short turns cancel temporary slowdowns of the machine;
            as the device is synchronised at the end of each turn, turns should have many steps on a GPU.
        clock: function that returns seconds.
        title: title of the progress bar.

    Returns:
        Seconds of each contestant in each round.
    """
    seconds = {name: [0.0] * rounds for name in contestants}
    with tqdm(total=rounds * steps * len(contestants), desc=title, unit="step", position=0) as bar:
        for number in range(rounds):
            for done in range(0, steps, turn):
                for name, do_steps in contestants.items():
                    num_steps = min(turn, steps - done)
                    start = clock()
                    do_steps(num_steps)
                    seconds[name][number] += clock() - start
                    bar.update(num_steps)
    return seconds
