"""The packages that an archive declares in its metadata."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from packaging.requirements import Requirement

__all__ = ["read_versions", "with_packages"]

_FILE = Path(__file__).with_name("versions.txt")
_OF_PICTURES = "pillow"  # reads PNG for MONAI


def read_versions() -> dict[str, str]:
    """Version of each package in ``versions.txt``, which install together on Python 3.10 to 3.13."""
    lines = [line for line in _FILE.read_text(encoding="utf-8").splitlines() if line and not line.startswith("#")]
    pins = [Requirement(line) for line in lines]
    return {pin.name: next(iter(pin.specifier)).version for pin in pins}


def with_packages(metadata: Mapping[str, Any], packages: Sequence[str] | None) -> dict[str, Any]:
    """Metadata that declare only the packages that an archive needs.

    Args:
        metadata: metadata of the archive.
        packages: names of the packages beside MONAI, PyTorch and NumPy; pillow is added where images may be PNG.
            ``None`` keeps those of the bundle, whose library is in the archive.
    """
    if packages is None:
        return dict(metadata)
    pictures = [_OF_PICTURES] if "png" in metadata["data_type"] else []
    known = read_versions()
    return {**metadata, "required_packages_version": {name: known[name] for name in sorted([*packages, *pictures])}}
