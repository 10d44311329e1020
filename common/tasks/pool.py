"""What runs tasks: processes of this machine or of a cluster."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future
from types import TracebackType
from typing import Protocol

from ..errors import InputError, root_cause
from .cost import Cost, measured

__all__ = ["ATTEMPTS", "LostProcessError", "Pool", "call_named", "given_up"]

ATTEMPTS = 3  # of a task whose processes are killed


class LostProcessError(Exception):
    """The process of a task was killed; the task may be run again."""


class Pool(Protocol):
    """Processes that run tasks; a context manager that ends what it has started."""

    def free(self, running: int) -> int:
        """How many more tasks to submit while so many are running."""

    def submit(self, name: str, call: Callable[[], object]) -> Future:
        """Start a task. The future has its :class:`Cost`, or :class:`LostProcessError` if it may be run again."""

    def __enter__(self) -> Pool:
        """Start what runs the tasks."""

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:
        """End it, and what it still runs."""


def given_up(name: str) -> InputError:
    """Error for a task whose processes were killed too often."""
    return InputError(
        f"{name}: its process was killed {ATTEMPTS} times, as happens when memory is full; use fewer workers, or a "
        "machine with more memory; the same command continues"
    )


def call_named(name: str, call: Callable[[], object]) -> Cost:
    """Run a task in a worker process, where an error must say all in its own message: its causes are not sent.

    Returns:
        What it costs.

    Raises:
        InputError: the task fails so; the message begins with its name.
        OSError: the task fails so, such as with a full disk.
    """
    try:
        return measured(call)
    except Exception as error:
        cause = root_cause(error)
        if isinstance(cause, InputError):
            raise type(cause)(f"{name}: {cause}") from None
        if isinstance(cause, OSError):
            raise cause from None
        raise
