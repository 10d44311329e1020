"""Packages with exports that are imported on first use."""

from __future__ import annotations

import ast
import sys
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any

__all__ = ["lazy_exports"]


def lazy_exports(package: str) -> Callable[[str], Any]:
    """Make the ``__getattr__`` of a package (PEP 562) that imports an export on first use.

    A command that only shows its help or reads JSON then starts without PyTorch and MONAI. The exports are the imports
    below ``if TYPE_CHECKING:`` in the package's ``__init__.py``, which type checkers and editors read as ordinary
    imports. An export must not have the name of a module of the package, as importing the module would hide it.

    Args:
        package: ``__name__`` of the package.

    Returns:
        Function that returns an export by its name and raises ``AttributeError`` for any other name.

    Example:
        >>> from common.data import assign_folds  # imports common.data.folds and nothing else of common.data
    """
    module = sys.modules[package]
    source = Path(str(module.__file__)).read_text(encoding="utf-8")
    imports = [node for node in ast.walk(ast.parse(source)) if isinstance(node, ast.ImportFrom) and node.level]
    homes = {alias.name: f"{package}.{node.module}" for node in imports if node.level == 1 for alias in node.names}

    def get_export(name: str) -> Any:
        """Import what the package exports under a name."""
        if name not in homes:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        value = getattr(import_module(homes[name]), name)
        setattr(module, name, value)  # the next access does not call this function
        return value

    return get_export
