"""A quick start of MONAI, for commands that only predict."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

__all__ = ["import_monai"]

# ``import monai`` imports all its modules, and with them the installed ones of these packages, which take most of the
# time (``python -X importtime``). MONAI can do without them, and no component of an archive needs them.
_UNUSED = (
    "bs4",
    "ignite",
    "jsonschema",
    "matplotlib",
    "mlflow",
    "pandas",
    "scipy.signal",
    "scipy.stats",
    "skimage",
    "sklearn",
)


def import_monai() -> None:
    """Import MONAI without the optional packages that a prediction never uses, unless it was imported before.

    These packages themselves can be imported afterwards; MONAI's own functions that need them stay unavailable in this
    process, so this is for programs and not for libraries.
    """
    if "monai" not in sys.modules:
        with _as_if_missing(_UNUSED):
            import monai  # noqa: F401


class _Missing:
    """Finder that knows of some packages that they are not installed."""

    def __init__(self, names: Sequence[str]) -> None:
        self.names = names

    def find_spec(self, name: str, path: Any = None, target: Any = None) -> None:
        """Refuse these packages, leave all others to the other finders."""
        if name in self.names:
            raise ModuleNotFoundError(f"{name}: left out of a quick start", name=name)


@contextmanager
def _as_if_missing(names: Sequence[str]) -> Iterator[None]:
    finder = _Missing(names)
    sys.meta_path.insert(0, finder)
    try:
        yield
    finally:
        sys.meta_path.remove(finder)
