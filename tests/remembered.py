"""What MONAI and the standard library work out anew in each process; it is the same for all tests and commands.

A plugin of pytest, and imported by the interpreter whose forks are the commands.
"""

from __future__ import annotations

import os
import pickle
import warnings
from pathlib import Path
from typing import Any

from monai.bundle import ConfigParser

BUNDLES = Path(__file__).resolve().parents[1] / "bundles"

_read = ConfigParser.load_config_file
_known: dict[bytes, bytes] = {}


def load_config_file(filepath: str | os.PathLike[str], **kwargs: Any) -> dict[str, Any]:
    """MONAI's, which parses YAML slowly, but once for each content in a process."""
    path = Path(filepath) if filepath else None
    if kwargs or path is None or path.suffix not in (".yaml", ".yml") or not path.is_file():
        return _read(filepath, **kwargs)
    if (content := path.read_bytes()) not in _known:
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            found = _read(filepath)
        if caught:  # a key that is there twice is reported each time
            return _read(filepath)
        _known[content] = pickle.dumps(found)
    return pickle.loads(_known[content])


ConfigParser.load_config_file = staticmethod(load_config_file)
