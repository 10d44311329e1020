"""The parts of this package that an archive needs, under a name of the archive's own."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from ...errors import InputError
from ...files import write_atomically
from .needed_modules import SOURCE, needed_modules

__all__ = ["copy_library"]

PACKAGE = SOURCE.name  # common
_IN_EXPRESSION = re.compile(rf"(?<![\w.@]){PACKAGE}((?:\.\w+)+)")
# MONAI tells a config nothing of its own place, and puts the bundle on sys.path only when it runs. The workflow that
# reads the config knows the place, and is among the callers; without one, the config's own words say where it is.
_ROOT = (
    "$next((str(frame.f_locals['self'].config_root_path.resolve().parent)"
    " for frame, _ in traceback.walk_stack(inspect.currentframe())"
    " if isinstance(frame.f_locals.get('self'), monai.bundle.ConfigWorkflow)), None)"
)
# No word "import" beside a reference: MONAI would take it for an import statement.
_LIBRARY = "$(sys.path.insert(1, os.path.abspath(@bundle_root)), pkgutil.resolve_name('{name}'))[1]"
_IMPORTS = ("$import inspect", "$import os", "$import pkgutil", "$import sys", "$import traceback")


def copy_library(folder: str | Path, name: str, configs: Mapping[str, Mapping[str, Any]]) -> dict[str, dict[str, Any]]:
    """Copy the modules that configs name, with all that these import, and rewrite the configs to the copy.

    Two archives with a module of the same name can't be loaded in one process: the second would run the first one's
    code. So each has a name of its own, which relative imports allow. The rewritten configs work from any working
    directory, and in whatever order MONAI's tools ask for their parts: each component of the library, and each
    expression with it, refers to the id ``library``, which imports it from ``bundle_root``.

    Args:
        folder: the archive's folder.
        name: of the copy, ``<archive>_lib``; a Python identifier.
        configs: the configs by name, overlays too.

    Returns:
        The configs of the archive.

    Raises:
        InputError: the name is no identifier, or a config names what the package has not.
    """
    if not name.isidentifier():
        raise InputError(f"{name}: no name of a Python module; expected letters, digits and _; give another --name")
    for module, source in needed_modules(sorted(_named(configs))).items():
        write_atomically(Path(folder) / name / module, source)
    return {key: _config(config, name) for key, config in configs.items()}


def _named(value: Any) -> Iterator[str]:
    """Names of the package in components and expressions, without the package's own."""
    if isinstance(value, Mapping):
        for item in value.values():
            yield from _named(item)
    elif isinstance(value, list):
        for item in value:
            yield from _named(item)
    elif isinstance(value, str):
        if value.startswith(f"{PACKAGE}."):
            yield value.removeprefix(f"{PACKAGE}.")
        elif value.startswith("$"):
            yield from (found.lstrip(".") for found in _IN_EXPRESSION.findall(value))


def _config(config: Mapping[str, Any], name: str) -> dict[str, Any]:
    rewritten: dict[str, Any] = {}
    for key, value in config.items():
        if key == "imports":
            others = [line for line in value if line != f"$import {PACKAGE}" and line not in _IMPORTS]
            rewritten[key] = [*_IMPORTS, *others]
        elif key == "bundle_root":
            own = _in_words(value, name)
            rewritten[key] = f"{_ROOT} or {own}"
            rewritten["library"] = _LIBRARY.format(name=name)
        else:
            rewritten |= _rewritten({key: value}, name)
    return rewritten


def _in_words(root: str, name: str) -> str:
    """A config's own ``bundle_root`` as a part of an expression."""
    return _IN_EXPRESSION.sub(rf"pkgutil.resolve_name('{name}')\1", root[1:]) if root[0] == "$" else repr(root)


def _rewritten(value: Any, name: str) -> Any:
    if isinstance(value, Mapping):
        items: dict[str, Any] = {}
        for key, item in value.items():
            if key.endswith("_target_") and str(item).startswith(f"{PACKAGE}."):  # in overlays as network_def#_target_
                items[key] = f"{name}.{item.removeprefix(f'{PACKAGE}.')}"
                items[f"{key.removesuffix('_target_')}_requires_"] = "@library"
            else:
                items[key] = _rewritten(item, name)
        return items
    if isinstance(value, list):
        return [_rewritten(item, name) for item in value]
    if isinstance(value, str) and value.startswith("$"):
        return _IN_EXPRESSION.sub(r"@library\1", value)
    return value
