"""The command lines that tests start, as a user would."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from tests.python_commands import run_python

PROJECT = Path(__file__).resolve().parents[2]


def bundle_command(run_id: str, configs: list[str | Path], *, processes: int = 1, **overrides: object) -> list[str]:
    """``python -m monai.bundle run <run_id> ...``, under torchrun if need be; overrides have ``__`` for ``#``."""
    files = "[" + ",".join(f"'{config}'" for config in configs) + "]"
    start = [sys.executable, "-m"]
    if processes > 1:
        start += ["torch.distributed.run", "--standalone", f"--nproc_per_node={processes}", "-m"]
    pairs = [text for key, value in overrides.items() for text in (f"--{key.replace('__', '#')}", str(value))]
    return [*start, "monai.bundle", "run", run_id, "--config_file", files, *pairs]


def run_bundle(run_id: str, configs: list[str | Path], **kwargs: object) -> subprocess.CompletedProcess[str]:
    """Run it to the end in the project's folder, on one thread for each process."""
    _, *command = bundle_command(run_id, configs, **kwargs)
    return run_python(command, PROJECT, environment())


def export_classifier(path: Path, configs: Path, classifier: Path, **overrides: object) -> Path:
    """``model.ts`` of a classifier, written by MONAI's ``ckpt_export`` with the command of the bundle's README."""
    options = {
        "filepath": path,
        "ckpt_file": classifier,
        "meta_file": configs / "metadata.json",
        "config_file": configs / "inference.json",
        "network_def": f"%{configs}/evaluate.yaml#network_def",
        "probabilities": f"%{configs}/evaluate.yaml#probabilities",
        **overrides,
    }
    command = ["-m", "monai.bundle", "ckpt_export", "network_def"]
    command += [text for key, value in options.items() for text in (f"--{key}", str(value))]
    result = run_python(command, PROJECT, environment())
    assert result.returncode == 0, result.stderr
    return path


def environment() -> dict[str, str]:
    """One thread for each process, so that sums are added in one order."""
    return {**os.environ, "OMP_NUM_THREADS": "1"}
