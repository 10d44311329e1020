"""A function in two processes that share a gloo group."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import timedelta

import torch.distributed as dist

from tests.python_commands import FORKS, free_port

SECONDS = 240  # a process that takes longer is stuck


def run_two_processes(function: Callable[[int, str], None], folder: object) -> None:
    """Call ``function(rank, folder)`` in two processes of one group; both end, or are killed and the test fails."""
    port = free_port()
    processes = [FORKS.Process(target=_in_group, args=(function, rank, str(folder), port)) for rank in range(2)]
    for process in processes:
        process.start()
    deadline = time.monotonic() + SECONDS
    for process in processes:
        process.join(max(deadline - time.monotonic(), 0))
    stuck = [process.pid for process in processes if process.exitcode is None]
    for process in processes:
        process.kill()
    assert not stuck, f"still running after {SECONDS} s: {stuck}"
    assert [process.exitcode for process in processes] == [0, 0]  # a traceback is in the captured output


def _in_group(function: Callable[[int, str], None], rank: int, folder: str, port: int) -> None:
    address = f"tcp://127.0.0.1:{port}"
    limit = timedelta(seconds=SECONDS / 2)
    dist.init_process_group("gloo", init_method=address, world_size=2, rank=rank, timeout=limit)
    try:
        # What the function made, DistributedDataParallel above all, is gone before the group is: a group that goes with
        # the last network, right after its backward, waits for a thread that waits for Python's lock.
        function(rank, folder)
        dist.barrier()
    finally:
        dist.destroy_process_group()
