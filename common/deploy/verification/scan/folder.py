"""Scan of an archive's files, each by the rules for its kind."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

from ....errors import InputError
from ..manifest import files_of
from .configs import scan_config, scan_json, scan_metadata
from .exported import scan_exported
from .onnx_graph import scan_onnx
from .pictures import scan_png
from .safe_tensors import scan_safetensors
from .torchscript import scan_torchscript

__all__ = ["scan_file", "scan_folder"]


def scan_folder(folder: str | Path) -> list[str]:
    """Search an archive that must not contain code for Python, expressions, pickles and foreign operators.

    A file passes only if its name is on an allow-list and its content fulfils the rules for its kind: for configs, the
    components and expressions of :mod:`~common.deploy.verification.scan.allowed`; for TorchScript and ``torch.export``,
    their operators and the names in their pickles; for ONNX, the domains of its operators. Nothing is evaluated,
    imported or unpickled.

    Args:
        folder: folder of an archive.

    Returns:
        One line for each finding, in the order of the files; empty if there is no code.
    """
    folder = Path(folder)
    try:
        names = files_of(folder)
    except InputError as error:
        return [str(error)]
    return [f"{name}: {problem}" for name in names for problem in scan_file(folder / name, name)]


def scan_file(path: Path, name: str) -> list[str]:
    """Problems of one file, as :func:`scan_folder` reports them, by the rules for its name in an archive.

    Args:
        path: path of the file.
        name: name of the file in an archive, such as ``models/model.ts``.
    """
    for pattern, scan in KINDS:
        if re.fullmatch(pattern, name):
            try:
                return scan(path.read_bytes())
            except InputError:
                raise
            except Exception as error:  # a file on which a parser fails is not trusted
                return [f"can't be read ({type(error).__name__})"]
    return ["no file of this name belongs in an archive without code"]


def _scan_text(content: bytes) -> list[str]:
    try:
        text = content.decode("utf-8")
    except UnicodeDecodeError:
        return ["not text in UTF-8"]
    return ["a zero byte in a text"] if "\0" in text else []


def _scan_signature(content: bytes) -> list[str]:
    return [] if len(content) == 64 else [f"{len(content)} bytes; an Ed25519 signature has 64"]


KINDS: tuple[tuple[str, Callable[[bytes], list[str]]], ...] = (
    (r"LICENSE", _scan_text),
    (r"docs/(README\.md|data_license\.txt)", _scan_text),
    (r"docs/\w+\.png", scan_png),
    (r"docs/(sbom\.cdx|provenance|calibration)\.json|manifest\.json", scan_json),
    (r"manifest\.json\.sig", _scan_signature),
    (r"configs/metadata\.json", scan_metadata),
    (r"configs/inference\.json", scan_config),
    (r"models/model\.ts", scan_torchscript),
    (r"models/model\.pt2", scan_exported),
    (r"models/model\.onnx", scan_onnx),
    (r"models/model\.safetensors", scan_safetensors),
)
