"""Where the bundles lie."""

from __future__ import annotations

from pathlib import Path

__all__ = ["bundle_root"]


def bundle_root(name: str) -> str:
    """Folder of a bundle of this checkout or installation, so that its configs work from any working directory.

    Under another name this package is the library of one bundle's archive, and gives that archive's folder.

    Args:
        name: folder below ``bundles/``.
    """
    above = Path(__file__).resolve().parent.parent
    if __package__ != "common":
        return str(above)
    checkout, installed = above / "bundles", above / "clinical_ssl" / "bundles"
    return str((checkout if checkout.is_dir() else installed) / name)
