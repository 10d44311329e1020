"""Zip files that two readers read differently: a harmless one for the scanner, a harmful one for torch."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path

import torch
from torch import nn

from common.deploy.packaging.reproducible import save_script


class Network(nn.Module):
    """Probabilities of two classes; nothing else."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return torch.softmax(torch.flatten(x, 1)[:, :2], 1)


def members(content: bytes) -> dict[str, bytes]:
    """Members of a zip file by name."""
    with zipfile.ZipFile(io.BytesIO(content)) as source:
        return {info.filename: source.read(info) for info in source.infolist()}


def script_twins(folder: Path, sentinel: Path) -> bytes:
    """TorchScript that writes the sentinel each time torch calls it, behind which lies TorchScript that does not."""
    folder.mkdir(exist_ok=True)
    save_script(Network(), folder / "model.ts", {})
    harmless = members((folder / "model.ts").read_bytes())
    first = b"    _0 = "
    harm = f"    torch.save(x, {str(sentinel)!r})\n".encode()
    harmful = {name: member.replace(first, harm + first, 1) for name, member in harmless.items()}
    return concatenated(harmful, harmless)


def concatenated(harmful: dict[str, bytes], harmless: dict[str, bytes]) -> bytes:
    """Two zip files behind one another, whose central directories have one size, offset and number of entries.

    Python takes the last one for an archive behind something else; miniz, which torch reads with, counts the end
    record's offset from the first byte on.
    """
    assert harmful.keys() == harmless.keys()
    spaces = {".py": b"\n", ".json": b" "}
    both: tuple[dict[str, bytes], dict[str, bytes]] = ({}, {})
    for name in harmful:
        pair = harmful[name], harmless[name]
        size = max(map(len, pair))
        filler = spaces.get(Path(name).suffix, b"")
        for target, member in zip(both, pair, strict=True):
            target[name] = member + filler * (size - len(member))
            assert len(target[name]) == size, name
    return b"".join(map(_zip, both))


def _zip(files: dict[str, bytes]) -> bytes:
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as target:
        for name, member in files.items():
            target.writestr(zipfile.ZipInfo(name), member)
    return content.getvalue()
