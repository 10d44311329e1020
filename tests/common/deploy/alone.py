"""A Python of its own that finds nothing of this repository, in an empty folder."""

from __future__ import annotations

import os
from pathlib import Path

from tests.python_commands import run_python

# The project is installed into the environment in place: this finder comes first and refuses it.
BLOCK = """
import sys
class NotHere:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in ("common", "scripts", "bundles", "tests"):
            raise ModuleNotFoundError(f"No module named {name!r}, which is the repository's", name=name)
sys.meta_path.insert(0, NotHere())
"""


def run_alone(code: str, folder: Path, *words: object) -> str:
    """What a program prints; it runs in ``folder/elsewhere``, made empty and found empty again."""
    elsewhere, site = folder / "elsewhere", folder / "site"
    for path in (elsewhere, site):
        path.mkdir(parents=True, exist_ok=True)
    (site / "sitecustomize.py").write_text(BLOCK)  # for processes that the program starts
    environment = {**os.environ, "PYTHONPATH": str(site), "OMP_NUM_THREADS": "1"}
    result = run_python(["-c", BLOCK + code, *words], elsewhere, environment)
    assert result.returncode == 0, result.stderr[-4000:]
    assert not list(elsewhere.iterdir())
    return result.stdout
