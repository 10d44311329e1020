"""What a task costs: time and peak memory."""

from __future__ import annotations

import resource
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

__all__ = ["Cost", "measured"]


@dataclass(frozen=True)
class Cost:
    """Cost of a task.

    Args:
        seconds: duration.
        cpu_seconds: CPU time of the process and its finished child processes.
        memory: largest resident memory of the process in bytes, while the task ran where the system reports it.
        gpu_memory: largest memory of tensors on the GPU in bytes; 0 without one.
    """

    seconds: float
    cpu_seconds: float
    memory: int
    gpu_memory: int = 0


def measured(call: Callable[[], object]) -> Cost:
    """Run a task and return what it costs; other tasks of this process would count, too."""
    _reset_peaks()
    begun, cpu = time.perf_counter(), _cpu_seconds()
    call()
    return Cost(time.perf_counter() - begun, _cpu_seconds() - cpu, _peak_memory(), _peak_of_gpu())


def _cpu_seconds() -> float:
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(each.ru_utime + each.ru_stime for each in used)


def _reset_peaks() -> None:
    with suppress(OSError):  # only Linux has it, and not everywhere may it be written
        Path("/proc/self/clear_refs").write_text("5")
    if (torch := sys.modules.get("torch")) and torch.cuda.is_initialized():
        torch.cuda.reset_peak_memory_stats()


def _peak_memory() -> int:
    with suppress(OSError, StopIteration):
        lines = Path("/proc/self/status").read_text().splitlines()
        return 1024 * int(next(line for line in lines if line.startswith("VmHWM:")).split()[1])
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else 1024 * peak


def _peak_of_gpu() -> int:
    torch = sys.modules.get("torch")
    return torch.cuda.max_memory_allocated() if torch and torch.cuda.is_initialized() else 0
