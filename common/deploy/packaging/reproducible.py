"""Exported networks without parts that differ between runs or reveal the exporting machine."""

from __future__ import annotations

import re
import zipfile
from collections.abc import Mapping
from io import BytesIO
from itertools import groupby
from pathlib import Path

import torch
from torch import nn

from ...files import replacing

__all__ = ["save_script", "without_stack_traces"]

_DATE = (1980, 1, 1, 0, 0, 0)
_NUMBER = re.compile(rb"___torch_mangle_\d+")
_CONSTANT = re.compile(rb"  \w+ : Final\[")
_LEFT_OUT = (".debug_pkl", ".data/serialization_id")  # source lines with their paths; a hash that covers them


def save_script(network: nn.Module, path: str | Path, extra_files: Mapping[str, str]) -> None:
    """Save a network as TorchScript so that the same network gives the same bytes.

    torch gives the first class compiled under a name the name that Python has, and later ones a number that depends on
    everything the process has compiled; lists a class's constants in the order of the process's hash seed; and adds
    paths and lines of the source for error messages. None of it changes what the network computes. Here every class
    has a number, in the order of its first use in the file; constants are sorted; paths are left out.

    Args:
        network: network to script.
        path: path of the file.
        extra_files: texts to put into the file, by name.
    """
    torch.jit.script(network)  # uses up the names without a number
    compiled, recursive = torch.jit._recursive.concrete_type_store, torch.jit._recursive
    recursive.concrete_type_store = type(compiled)()  # empty, so that all classes are compiled again
    try:
        written = BytesIO()  # as torch ends the process where a disk is full
        torch.jit.save(torch.jit.script(network), written, _extra_files=dict(extra_files))
    finally:
        recursive.concrete_type_store = compiled
    _normalise(written, Path(path))


def _normalise(written: BytesIO, path: Path) -> None:
    numbers: dict[bytes, bytes] = {}

    def renumber(content: bytes) -> bytes:
        """Numbers in the order of their appearance."""
        return _NUMBER.sub(lambda m: numbers.setdefault(m[0], b"___torch_mangle_%d" % len(numbers)), content)

    with replacing(path) as unfinished, zipfile.ZipFile(written) as source, zipfile.ZipFile(unfinished, "w") as target:
        for entry in source.infolist():
            if entry.filename.endswith(_LEFT_OUT):
                continue
            content, name = source.read(entry), entry.filename
            if name.endswith("data.pkl"):  # class names have lines of their own: their length may change
                content = renumber(content)
            elif "/code/" in name:
                content, name = _sorted_constants(renumber(content)), renumber(name.encode()).decode()
            new = zipfile.ZipInfo(name, _DATE)
            new.compress_type, new.create_system = entry.compress_type, 3
            target.writestr(new, content)


def _sorted_constants(source: bytes) -> bytes:
    parts = groupby(source.splitlines(keepends=True), lambda line: bool(_CONSTANT.match(line)))
    return b"".join(line for constant, lines in parts for line in (sorted(lines) if constant else lines))


def without_stack_traces(exported: torch.export.ExportedProgram) -> torch.export.ExportedProgram:
    """Remove source lines with their paths and example inputs from an exported program, in place."""
    for module in exported.graph_module.modules():
        for node in module.graph.nodes if isinstance(module, torch.fx.GraphModule) else ():
            node.meta.pop("stack_trace", None)
    exported.example_inputs = None
    return exported
