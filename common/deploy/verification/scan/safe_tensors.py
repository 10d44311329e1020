"""Scan of safetensors files: a header in JSON, then the tensors' bytes."""

from __future__ import annotations

from ....errors import InputError

__all__ = ["scan_safetensors"]


def scan_safetensors(content: bytes) -> list[str]:
    """Problems of a safetensors file that its own library finds: sizes and offsets that do not fit the file.

    Raises:
        InputError: safetensors is not installed.
    """
    try:
        import safetensors
    except ImportError as error:
        raise InputError(
            f"safetensors: {error}; expected safetensors; run: pip install 'clinical-ssl-bundles[deploy]'"
        ) from error
    try:
        safetensors.deserialize(content)
    except safetensors.SafetensorError as error:
        return [f"no readable safetensors ({error})"]
    return []
