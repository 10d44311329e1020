"""The machine of a study: device, memory, free disk."""

from __future__ import annotations

import os
import shutil
from dataclasses import dataclass
from pathlib import Path

from ..errors import InputError
from ..option_limits import device_problem

__all__ = ["Machine", "describe_machine"]

_BFLOAT16 = {"avx512_bf16", "amx_bf16", "bf16"}  # flags of x86 and ARM processors that multiply in bfloat16


@dataclass(frozen=True)
class Machine:
    """A machine.

    Attributes:
        device: device of the trainings, "cpu" or "cuda:<index>".
        cores: number of processors that this process may use.
        memory_gb: memory available to the process at present, in 1e9 bytes.
        device_memory_gb: free memory of the GPU in 1e9 bytes; that of the machine on a CPU.
        disk_gb: free space on the disk of the outputs, in 1e9 bytes.
        bfloat16: whether the device computes in bfloat16 without emulation.
        load: number of processors that other processes have kept busy for minutes.
    """

    device: str
    cores: int
    memory_gb: float
    device_memory_gb: float
    disk_gb: float
    bfloat16: bool
    load: float = 0.0

    @property
    def is_gpu(self) -> bool:
        """Whether trainings run on a GPU."""
        return self.device != "cpu"


def describe_machine(output_dir: Path, device: str | None = None) -> Machine:
    """Describe this machine.

    Args:
        output_dir: folder of outputs, which may not exist yet.
        device: device to use; by default the first GPU, or else the CPU.

    Raises:
        InputError: there is no such device.
    """
    import torch

    from ..benchmark.environment import available_memory

    if expected := device_problem(device):
        raise InputError(f"device: found {device!r}; expected {expected}; set --device cpu")
    found = torch.device(device or ("cuda:0" if torch.cuda.is_available() else "cpu"))
    existing = next(folder for folder in (output_dir.absolute(), *output_dir.absolute().parents) if folder.is_dir())
    memory = available_memory(torch.device("cpu")) / 1e9
    gpu = found.type == "cuda"
    return Machine(
        device=str(found),
        cores=len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1,
        memory_gb=round(memory, 1),
        device_memory_gb=round(available_memory(found) / 1e9 if gpu else memory, 1),
        disk_gb=round(shutil.disk_usage(existing).free / 1e9, 1),
        bfloat16=torch.cuda.is_bf16_supported() if gpu else bool(_processor_flags() & _BFLOAT16),
        load=round(min(os.getloadavg()[:2]), 1) if hasattr(os, "getloadavg") else 0.0,  # over 1 and over 5 minutes
    )


def _processor_flags() -> set[str]:
    info = Path("/proc/cpuinfo")
    lines = info.read_text().splitlines() if info.is_file() else []
    return {flag for line in lines if line.startswith(("flags", "Features")) for flag in line.split(":", 1)[1].split()}
