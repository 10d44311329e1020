"""The workers of a Dask cluster."""

from __future__ import annotations

import multiprocessing
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from typing import Any

from ..errors import InputError, one_line
from .cost import Cost
from .pool import call_named, given_up

__all__ = ["DaskPool"]

CONNECT_SECONDS = 10  # timeout for the connection to a Dask scheduler


class DaskPool:
    """The workers of a Dask cluster. Its scheduler runs the tasks of a lost worker on others.

    Args:
        scheduler: address, e.g. ``tcp://host:8786``.
        resources: resources of a worker that each task takes.

    Raises:
        InputError: the scheduler cannot be reached, or Dask is not installed.
    """

    def __init__(self, scheduler: str, resources: Mapping[str, float]) -> None:
        try:
            from distributed import Client
        except ImportError as error:
            raise InputError("scheduler: Dask is not installed; run: pip install distributed") from error
        try:
            self._client: Any = Client(scheduler, timeout=CONNECT_SECONDS)
        except (OSError, ValueError) as error:
            found = f"{scheduler} cannot be reached ({one_line(error)})"
            raise InputError(f"scheduler: {found}; expected tcp://host:port") from error
        options = {"resources": dict(resources)} if resources else {}
        self._executor: Any = self._client.get_executor(pure=False, **options)

    def free(self, running: int) -> int:
        """All tasks that are ready are submitted, so that a cluster that adapts sees how many workers it needs."""
        return 2**31

    def submit(self, name: str, call: Callable[[], object]) -> Future:
        """Hand a task to the scheduler."""
        from distributed import KilledWorker

        found: Future = Future()
        found.set_running_or_notify_cancel()

        def finish(inner: Future) -> None:
            """Pass the result or the error on."""
            error = None if inner.cancelled() else inner.exception()
            if inner.cancelled():
                error = InputError(f"{name}: the scheduler was lost; start the same command again to continue")
            if isinstance(error, KilledWorker):
                error = given_up(name)
            found.set_result(inner.result()) if error is None else found.set_exception(error)

        self._executor.submit(_call_on_cluster, name, call).add_done_callback(finish)
        return found

    def __enter__(self) -> DaskPool:
        return self

    def __exit__(self, *_: object) -> None:
        self._executor.shutdown(wait=False)
        self._client.close()


def _call_on_cluster(name: str, call: Callable[[], object]) -> Cost:
    from distributed import get_worker

    if (threads := get_worker().state.nthreads) != 1:
        raise InputError(f"scheduler: a worker has {threads} threads, which share random states; use --nthreads 1")
    if multiprocessing.current_process().daemon:
        raise InputError(
            "scheduler: a worker is a daemon and may start no process to load or measure; use --no-nanny, or set "
            "DASK_DISTRIBUTED__WORKER__DAEMON=False"
        )
    return call_named(name, call)
