"""Timing several contestants by turns, so that what disturbs the machine disturbs all of them."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Iterable, Mapping
from typing import NamedTuple

import torch
from tqdm import tqdm

__all__ = ["Clock", "Spread", "take_turns"]


class Clock:
    """Seconds, read when the device has done all that was asked of it so far.

    Args:
        device: work on a CUDA device runs behind the program's back, so the clock waits for it.
        cpu_time: count the seconds that this process had a CPU, over all threads, instead of those that went by: on a
            machine that others use too these are disturbed less, but waiting, as for the disk, is not counted.
    """

    def __init__(self, device: torch.device | str, cpu_time: bool = False) -> None:
        self.device = torch.device(device)
        self.seconds = time.process_time if cpu_time else time.perf_counter

    def __call__(self) -> float:
        """Seconds since some moment, from a clock that never steps back."""
        if self.device.type == "cuda":
            torch.cuda.synchronize(self.device)
        return self.seconds()


class Spread(NamedTuple):
    """What the rounds gave."""

    median: float
    min: float
    max: float

    @classmethod
    def of(cls, values: Iterable[float]) -> Spread:
        """Median and range of one value for each round."""
        values = list(values)
        return cls(statistics.median(values), min(values), max(values))


def take_turns(
    contestants: Mapping[str, Callable[[int], None]],
    rounds: int,
    steps: int,
    turn: int,
    clock: Callable[[], float],
    title: str = "rounds",
) -> dict[str, list[float]]:
    """Let each contestant do its steps in every round, a few at a time, one contestant after the other.

    Args:
        contestants: name to a function that does so many steps.
        rounds: how often to measure.
        steps: steps of each contestant in a round.
        turn: steps before it is the next one's turn. Short turns cancel what slows the machine for a while; a turn ends
            with waiting for the device, so on a GPU it should hold many steps.
        clock: gives seconds.
        title: of the progress bar.

    Returns:
        For each contestant the seconds that it took in each round.
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
