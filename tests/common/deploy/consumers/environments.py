"""Environments with the programs that archives are for."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from filelock import FileLock

SCRIPT = Path(__file__).resolve().parents[4] / "scripts/consumer_environment.sh"
SECONDS = 300


def consumer_environment(name: str) -> Path:
    """Folder of an environment, made in about a minute where it is missing; where it cannot be, the test is skipped.

    Args:
        name: ``monai-label`` or ``monai-deploy``. The variable ``MONAI_LABEL`` or ``MONAI_DEPLOY`` may name its folder;
            by default it is in the project's environment.
    """
    folder = Path(os.environ.get(name.replace("-", "_").upper()) or Path(sys.prefix) / name)
    if (folder / "ready").is_file():
        return folder
    env = {**os.environ, "VENV": sys.prefix}
    try:
        command = ["bash", str(SCRIPT), name, str(folder)]
        with FileLock(f"{folder}.lock"):  # workers that run tests at the same time
            result = subprocess.run(command, env=env, capture_output=True, text=True, timeout=SECONDS)
    except subprocess.TimeoutExpired:
        pytest.skip(f"{name} was not installed within {SECONDS} s")
    if result.returncode:
        pytest.skip(f"{name} can't be installed here: {[*result.stderr.splitlines(), 'no reason given'][-1]}")
    return folder
