"""Description of the machine and software of a measurement."""

from __future__ import annotations

import os
import platform
import subprocess
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch

__all__ = ["available_memory", "describe_environment"]

_PACKAGES = ("torch", "monai", "pytorch-ignite", "numpy", "scikit-learn")


def describe_environment() -> dict[str, Any]:
    """Hardware, versions and the commit of this checkout, as plain values.

    :func:`monai.config.get_system_info` leaves out the processor's name, and more without psutil.
    """
    return {
        "time": datetime.now(UTC).isoformat(timespec="seconds"),
        "hardware": {
            "cpu": _cpu_model(),
            "cores": os.cpu_count(),
            "threads": torch.get_num_threads(),
            "instructions": torch.backends.cpu.get_cpu_capability(),
            "ram_gb": round(os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") / 1e9, 1),
            "gpus": [_gpu(index) for index in range(torch.cuda.device_count())],
        },
        "load": [round(load, 2) for load in os.getloadavg()],  # above 0 at the start if other processes are running
        "system": platform.platform(),
        "versions": {"python": platform.python_version(), **{name: version(name) for name in _PACKAGES}},
        "git_commit": _git_commit(),
    }


def available_memory(device: torch.device) -> int:
    """Available bytes on the device: free memory of the GPU, or RAM within the limit of the cgroup."""
    if device.type == "cuda":
        return torch.cuda.mem_get_info(device)[0]
    lines = Path("/proc/meminfo").read_text().splitlines()
    found = [int(line.split()[1]) * 1024 for line in lines if line.startswith("MemAvailable")]
    limit, used = (Path("/sys/fs/cgroup") / name for name in ("memory.max", "memory.current"))
    if limit.is_file() and used.is_file() and (text := limit.read_text().strip()).isdigit():
        found.append(int(text) - int(used.read_text()))
    return min(found)


def _cpu_model() -> str:
    info = Path("/proc/cpuinfo")
    names = [line.split(":", 1)[1].strip() for line in _lines(info) if line.startswith("model name")]
    return names[0] if names else platform.processor() or platform.machine()


def _lines(path: Path) -> list[str]:
    return path.read_text().splitlines() if path.is_file() else []


def _gpu(index: int) -> dict[str, Any]:
    properties = torch.cuda.get_device_properties(index)
    return {"name": properties.name, "memory_gb": round(properties.total_memory / 1e9, 1)}


def _git_commit() -> str | None:
    """Commit of the checkout of this file, followed by ``+`` if files differ from it; ``None`` without git."""
    try:
        git = ["git", "-C", str(Path(__file__).resolve().parent)]
        commit = subprocess.run([*git, "rev-parse", "HEAD"], capture_output=True, text=True, check=True).stdout.strip()
        status = subprocess.run([*git, "status", "--porcelain"], capture_output=True, text=True, check=True).stdout
    except (OSError, subprocess.CalledProcessError):
        return None
    return commit + ("+" if status.strip() else "")
