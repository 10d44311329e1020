"""Parts of a comparison as tasks: one after the other, on processes of this machine, or on a cluster."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, wait
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path

from tqdm import tqdm

from ..console import bar_stream
from ..errors import InputError
from .cost import Cost, measured
from .pool import LostProcessError, Pool
from .workers import Workers

__all__ = ["Task", "epochs_done", "run_tasks"]

logger = logging.getLogger(__name__)

EVERY, QUIET = 1.0, 60.0  # seconds between two lines of the bar on a terminal, and in a file


@dataclass(frozen=True)
class Task:
    """A part of a comparison that depends on no other but those whose files it needs.

    Args:
        name: description for the progress bar and for messages.
        makes: file that is there once the task is done; no two tasks make the same.
        call: function that makes the file, or returns at once if it exists. Worker processes receive it pickled.
        needs: files of other tasks that must be done before; files of no task exist already.
    """

    name: str
    makes: Path
    call: Callable[[], object]
    needs: tuple[Path, ...] = ()


def epochs_done(makes: Path) -> int:
    """Number of epochs of the training of a task that are done, of which ``metrics.csv`` has a row each.

    Args:
        makes: file that the task makes: weights, or the predictions in the folder ``evaluate`` beside them.
    """
    folder = makes.parent.parent if makes.parent.name == "evaluate" else makes.parent
    try:
        return max(0, (folder / "metrics.csv").read_bytes().count(b"\n") - 1)
    except OSError:
        return 0


AfterEach = Callable[[Task, Cost], object]


def run_tasks(
    tasks: Iterable[Task], workers: Workers, description: str, after_each: AfterEach = lambda task, cost: None
) -> None:
    """Run all tasks, each after those that it needs.

    A task whose worker process is lost is run again by another one; since it makes a file, and a training continues
    from its checkpoint, nothing is done twice. If a task fails, no further one is started, those that are running are
    waited for, and the first error is raised. What a task makes depends on its own inputs and seed alone, so the number
    of workers and the order of completion change no result.

    Args:
        tasks: tasks in the order in which to start them.
        workers: processes or cluster to run them on.
        description: title of the progress bar.
        after_each: function to call in this process after each completed task, with it and its cost.

    Raises:
        InputError: two tasks make the same file, or tasks need each other in a circle; or a task fails so.
    """
    tasks = in_order(tasks)
    look = {"desc": description, "unit": "run", "file": bar_stream()}
    with tqdm(total=len(tasks), **look) as bar, workers.pool() or nullcontext() as pool:
        if pool is None:
            _one_by_one(tasks, bar, after_each)
        else:
            _all_at_once(tasks, pool, bar, after_each)


def in_order(tasks: Iterable[Task]) -> list[Task]:
    """The tasks so that each comes after those that it needs, and otherwise in the given order.

    Raises:
        InputError: two tasks make the same file, or tasks need each other in a circle.
    """
    waiting: dict[Path, Task] = {}
    for task in tasks:
        if task.makes in waiting:
            raise InputError(f"{task.makes}: found two tasks that make it, {waiting[task.makes].name} and {task.name}")
        waiting[task.makes] = task
    ordered: list[Task] = []
    while waiting:
        ready = [task for task in waiting.values() if not waiting.keys() & set(task.needs)]
        if not ready:
            raise InputError(f"tasks: {', '.join(task.name for task in waiting.values())} need each other in a circle")
        # only the first: a task that was held up keeps its place before those listed after it
        ordered.append(waiting.pop(ready[0].makes))
    return ordered


def _one_by_one(tasks: Sequence[Task], bar: tqdm, after_each: AfterEach) -> None:
    for task in tasks:
        logger.info(task.name)
        with _shown(bar, [task]):
            cost = measured(task.call)
        bar.update()
        after_each(task, cost)


def _all_at_once(tasks: Sequence[Task], pool: Pool, bar: tqdm, after_each: AfterEach) -> None:
    waiting = {task.makes: task for task in tasks}
    running: dict[Future, Task] = {}
    failure: Exception | None = None
    while running or (waiting and failure is None):
        open_files = waiting.keys() | {task.makes for task in running.values()}
        ready = [task for task in waiting.values() if not open_files & set(task.needs)] if failure is None else []
        for task in ready[: pool.free(len(running))]:
            logger.info(task.name)
            running[pool.submit(task.name, task.call)] = waiting.pop(task.makes)
        with _shown(bar, running.values()):
            done = wait(running, return_when=FIRST_COMPLETED).done
        for future in done:
            task = running.pop(future)
            try:
                cost = future.result()
            except LostProcessError as lost:
                logger.warning(f"{task.name}: {lost}; it is run again")
                waiting = {task.makes: task, **waiting}
            except Exception as error:
                logger.error(f"{task.name}: failed; no further run is started, and {len(running)} are waited for")
                failure = failure or error
            else:
                bar.update()
                after_each(task, cost)
    if failure is not None:
        raise failure


@contextmanager
def _shown(bar: tqdm, running: Collection[Task]) -> Iterator[None]:
    """Name the running tasks in the bar, and their epochs as they pass."""
    ended = threading.Event()
    interval = EVERY if bar.fp.isatty() else QUIET

    def show() -> None:
        """Show what runs, with its epochs, until the end."""
        while True:
            names = [
                f"{task.name}, epoch {done}" if (done := epochs_done(task.makes)) else task.name
                for task in list(running)
            ]
            bar.set_postfix_str("; ".join(names[:2]))
            if ended.wait(interval):
                return

    thread = threading.Thread(target=show, daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()
