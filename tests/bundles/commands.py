"""The command lines that tests start, as a user would."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from common.bundle_configs import BASES
from tests.python_commands import run_python

PROJECT = Path(__file__).resolve().parents[2]


def over_training(configs: Sequence[str | Path]) -> list[str | Path]:
    """The files, after that of the training over which the first one lies."""
    first = Path(configs[0])
    return [*([first.with_name(f"{BASES[first.stem]}.yaml")] if first.stem in BASES else []), *configs]


def bundle_command(run_id: str, configs: list[str | Path], *, processes: int = 1, **overrides: object) -> list[str]:
    """``python -m monai.bundle run <run_id> ...``, under torchrun if need be; overrides have ``__`` for ``#``."""
    files = "[" + ",".join(f"'{config}'" for config in over_training(configs)) + "]"
    start = [sys.executable, "-m"]
    if processes > 1:
        start += ["torch.distributed.run", "--standalone", f"--nproc_per_node={processes}", "-m"]
    pairs = [text for key, value in overrides.items() for text in (f"--{key.replace('__', '#')}", str(value))]
    return [*start, "monai.bundle", "run", run_id, "--config_file", files, *pairs]


def run_bundle(run_id: str, configs: list[str | Path], **kwargs: object) -> subprocess.CompletedProcess[str]:
    """Run it to the end in the project's folder, on one thread for each process."""
    _, *command = bundle_command(run_id, configs, **kwargs)
    return run_python(command, PROJECT, environment())


def export_classifier(
    path: Path,
    configs: Path,
    checkpoint: Path,
    overlays: Sequence[str] = (),
    stage: str = "evaluate",
    **overrides: object,
) -> Path:
    """``model.ts`` of a classifier, by the export command of the bundle's README."""
    files = [configs / name for name in (f"{stage}.yaml", *overlays)]
    options = {"checkpoint": checkpoint, "torchscript": path, "device": "cpu", **overrides}
    result = run_bundle("exporting", files, **options)
    assert result.returncode == 0, result.stderr
    return path


def environment() -> dict[str, str]:
    """One thread for each process, so that sums are added in one order."""
    return {**os.environ, "OMP_NUM_THREADS": "1"}
