"""The library of an archive: this package under a name of the archive's own."""

from __future__ import annotations

import pkgutil
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ...errors import InputError
from ...files import write_atomically

__all__ = ["copy_library"]

SOURCE = Path(__file__).resolve().parents[2]
PACKAGE = SOURCE.name  # common
LEFT_OUT = ("benchmark", "deploy", "doctor", "reproduce", "study")  # packages that no config of a bundle uses
_NAME = re.compile(rf"(?<![\w.@]){PACKAGE}((?:\.\w+)+)")  # in a component or an expression
_IMPORT = f"$import {PACKAGE}"
# A file where Python would make a folder: so it compiles in memory, and an archive in use stays as it was signed.
_BYTECODE = "__pycache__"
_NO_BYTECODE = "Keeps Python from writing bytecode into this archive, whose manifest lists every file.\n"


def copy_library(folder: str | Path, name: str, configs: Mapping[str, Mapping[str, Any]]) -> dict[str, dict[str, Any]]:
    """Copy this package into an archive under another name, and make the archive's configs use the copy.

    Two archives with a module of the same name can't be loaded in one process: the second would run the first one's
    code. So each has a name of its own, which relative imports allow. The configs import it as configs of the model zoo
    import their Python: from the archive's folder, which is on ``sys.path`` while ``monai.bundle`` runs a config, and
    which consumers add when they load one.

    Args:
        folder: folder of the archive.
        name: name of the copy, ``<archive>_lib``; a Python identifier.
        configs: configs by name, including overlays.

    Returns:
        The configs of the archive.

    Raises:
        InputError: the name is no identifier, or a config names something that the package does not have.
    """
    if not name.isidentifier():
        raise InputError(f"{name}: no name of a Python module; expected letters, digits and _; give another --name")
    renamed = {key: _renamed(dict(config), name) for key, config in configs.items()}
    for path in sorted(SOURCE.rglob("*.py")):
        place = path.relative_to(SOURCE)
        if place.parts[0] not in LEFT_OUT:
            write_atomically(Path(folder) / name / place, path.read_bytes())
            write_atomically((Path(folder) / name / place).with_name(_BYTECODE), _NO_BYTECODE)
    return renamed


def _renamed(value: Any, name: str) -> Any:
    """A part of a config with ``name`` in place of this package."""
    if isinstance(value, Mapping):
        return {key: _renamed(item, name) for key, item in value.items()}
    if isinstance(value, list):
        return [_renamed(item, name) for item in value]
    if value == _IMPORT:
        return _IMPORT.replace(PACKAGE, name)
    if isinstance(value, str) and value.startswith(("$", f"{PACKAGE}.")):
        for attribute in _NAME.findall(value):
            _check(attribute.lstrip("."))
        return _NAME.sub(rf"{name}\1", value)
    return value


def _check(attribute: str) -> None:
    """Refuse names that the copy will not have."""
    try:
        pkgutil.resolve_name(f"{PACKAGE}.{attribute}")
        known = attribute.partition(".")[0] not in LEFT_OUT
    except (ImportError, AttributeError):
        known = False
    if not known:
        raise InputError(f"{attribute}: no such name in {PACKAGE}; expected one that it offers; correct the config")
