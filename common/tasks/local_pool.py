"""Processes of this machine, which share out its cores and GPUs."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from concurrent.futures.process import BrokenProcessPool
from typing import TYPE_CHECKING

from ..processes import THREADED, end_with_parent
from .pool import ATTEMPTS, LostProcessError, call_named, given_up

if TYPE_CHECKING:
    from joblib.externals.loky import ProcessPoolExecutor

__all__ = ["LocalPool", "visible_gpus"]


class LocalPool:
    """Processes of this machine, each in an executor of its own, so that it is known whose process was killed.

    Args:
        number: number of processes.
        gpus: names of the GPUs, as in ``CUDA_VISIBLE_DEVICES``; one process for each, if there are any.
    """

    def __init__(self, number: int, gpus: Sequence[str]) -> None:
        import joblib

        number = min(number, len(gpus)) if gpus else number
        share = max(joblib.cpu_count() // number, 1)
        threads = str(min(share, int(os.environ.get("OMP_NUM_THREADS") or share)))
        common = {f"{name}_NUM_THREADS": threads for name in THREADED}
        self._places = [{**common, **({"CUDA_VISIBLE_DEVICES": gpus[k]} if gpus else {})} for k in range(number)]
        self._executors: dict[int, ProcessPoolExecutor] = {}
        self._busy: set[int] = set()
        self._lost: Counter[str] = Counter()

    def free(self, running: int) -> int:
        """Number of idle processes."""
        return len(self._places) - running

    def submit(self, name: str, call: Callable[[], object]) -> Future:
        """Start a task in an idle process."""
        place = next(k for k in range(len(self._places)) if k not in self._busy)
        self._busy.add(place)
        found: Future = Future()
        found.set_running_or_notify_cancel()
        try:
            inner = self._executor_of(place).submit(call_named, name, call)
        except BrokenProcessPool:  # its process was killed between two tasks
            del self._executors[place]
            inner = self._executor_of(place).submit(call_named, name, call)
        inner.add_done_callback(lambda inner: self._finish(inner, found, place, name))
        return found

    def _executor_of(self, place: int) -> ProcessPoolExecutor:
        from joblib.externals.loky import ProcessPoolExecutor

        if place not in self._executors:
            self._executors[place] = ProcessPoolExecutor(
                1, env=self._places[place], initializer=end_with_parent, initargs=(os.getpid(),)
            )
        return self._executors[place]

    def _finish(self, inner: Future, outer: Future, place: int, name: str) -> None:
        error = inner.exception()
        if isinstance(error, BrokenProcessPool):
            self._executors.pop(place, None)  # the next task of this place has a new process
            self._lost[name] += 1
            error = LostProcessError("its process was killed") if self._lost[name] < ATTEMPTS else given_up(name)
        self._busy.discard(place)
        if error is None:
            outer.set_result(inner.result())
        else:
            outer.set_exception(error)

    def __enter__(self) -> LocalPool:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        for executor in list(self._executors.values()):
            executor.shutdown(kill_workers=kind is not None)


def visible_gpus() -> list[str]:
    """Names of this machine's GPUs for ``CUDA_VISIBLE_DEVICES``."""
    import torch

    named = os.environ.get("CUDA_VISIBLE_DEVICES")
    names = named.split(",") if named else [str(k) for k in range(torch.cuda.device_count())]
    return [name.strip() for name in names if name.strip()] if torch.cuda.device_count() else []
