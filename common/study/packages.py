"""Packages that the last step of a study needs, which a plain installation does not have."""

from __future__ import annotations

from importlib.util import find_spec

from ..errors import InputError
from ..programs import install_command

__all__ = ["check_packages", "missing_packages"]

PACKAGING = ("cyclonedx", "onnx", "onnxruntime", "onnxscript", "safetensors")


def missing_packages() -> list[str]:
    """Modules of the extra ``deploy`` that are not installed."""
    return [name for name in PACKAGING if find_spec(name) is None]


def check_packages() -> None:
    """Check, before hours of training, that the final model can be packaged.

    Raises:
        InputError: packages are missing.
    """
    if missing := missing_packages():
        raise InputError(
            f"packages: found no {', '.join(missing)}, expected those that package the final model; "
            f"{install_command('deploy')}, and start the same command again; or stop at the report with "
            "--until conclude"
        )
