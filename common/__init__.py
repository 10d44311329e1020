"""Networks, losses, transforms, handlers and protocols that the bundles share (``_target_: common...`` in configs)."""

from __future__ import annotations

from pathlib import Path

from .errors import InputError, brief_input_errors, flag
from .options import check_options
from .run_identity import run_identity

__all__ = ["InputError", "brief_input_errors", "bundle_root", "check_options", "flag", "run_identity"]


def bundle_root(name: str) -> str:
    """Folder of a bundle of this checkout, so that its configs work from any working directory.

    Under another name this package is the library of one bundle's archive, and gives that archive's folder.

    Args:
        name: folder below ``bundles/``.
    """
    above = Path(__file__).resolve().parent.parent
    return str(above / "bundles" / name if __name__ == "common" else above)
