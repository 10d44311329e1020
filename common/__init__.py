"""Networks, losses, transforms, handlers and protocols that the bundles share (``_target_: common...`` in configs)."""

from __future__ import annotations

from pathlib import Path

from .errors import InputError, brief_input_errors, flag

__all__ = ["InputError", "brief_input_errors", "bundle_root", "flag"]


def bundle_root(name: str) -> str:
    """Folder of a bundle of this checkout, so that its configs work from any working directory.

    Args:
        name: folder below ``bundles/``.
    """
    return str(Path(__file__).resolve().parent.parent / "bundles" / name)
