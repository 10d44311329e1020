"""PyRadiomics' compiled code and its version, without its package, which imports SimpleITK and with it 90 MB."""

from __future__ import annotations

import sys
from functools import cache
from importlib.machinery import ModuleSpec, PathFinder
from importlib.util import find_spec, module_from_spec
from pathlib import Path
from types import ModuleType

__all__ = ["pyradiomics_folder", "pyradiomics_module", "pyradiomics_version"]


def pyradiomics_folder() -> Path | None:
    """Folder of the installed package; ``None`` without it, or for a folder of that name that is no package."""
    spec = find_spec("radiomics")
    return None if spec is None or spec.origin is None else Path(spec.origin).parent


def pyradiomics_module(name: str) -> ModuleType:
    """A module of PyRadiomics that imports no other one, such as ``_cmatrices``.

    Args:
        name: name of the module in the package.

    Raises:
        ImportError: PyRadiomics is not installed, or has no such module.
    """
    full = f"radiomics.{name}"
    if full not in sys.modules:
        folder = pyradiomics_folder()
        spec = folder and PathFinder.find_spec(full, [str(folder)])
        if not isinstance(spec, ModuleSpec) or spec.loader is None:
            raise ImportError(f"no module {full}")
        module = module_from_spec(spec)
        spec.loader.exec_module(module)
        sys.modules[full] = module  # the package finds it there when it is imported
    return sys.modules[full]


@cache
def pyradiomics_version() -> str:
    """``radiomics.__version__``."""
    return str(pyradiomics_module("_version").get_versions()["version"])
