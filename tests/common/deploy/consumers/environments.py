"""Environments with the programs that archives are for."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).resolve().parents[4] / "scripts/consumer_environment.sh"
SECONDS = 300


def consumer_environment(name: str, make: bool) -> Path:
    """Folder of an environment; the test is skipped where there is none.

    Args:
        name: ``monai-label`` or ``monai-deploy``. The variable ``MONAI_LABEL`` or ``MONAI_DEPLOY`` may name its folder;
            by default it is in the project's environment.
        make: make it where it is missing, which takes about a minute.
    """
    folder = Path(os.environ.get(name.replace("-", "_").upper()) or Path(sys.prefix) / name)
    if not make and not (folder / "ready").is_file():
        pytest.skip(f"no environment in {folder}; scripts/{SCRIPT.name} {name} makes it")
    env = {**os.environ, "VENV": sys.prefix}
    try:
        command = ["bash", str(SCRIPT), name, str(folder)]
        result = subprocess.run(command, env=env, capture_output=True, text=True, timeout=SECONDS)
    except subprocess.TimeoutExpired:
        pytest.skip(f"{name} was not installed within {SECONDS} s")
    if result.returncode:
        pytest.skip(f"{name} can't be installed here: {[*result.stderr.splitlines(), 'no reason given'][-1]}")
    return folder
