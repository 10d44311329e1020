"""A file of weights: what it is, and on what it was trained."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Mapping
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from .. import bundle_root
from ..counts import counted
from ..errors import InputError, one_line
from ..programs import command_of
from .findings import Findings

__all__ = ["examine_weights"]

MOST_METADATA = 10 << 20  # bytes
STATES = ("network", "model", "state_dict", "optimizer")


def examine_weights(path: str | Path) -> Findings:
    """Examine a checkpoint, an exported network or other weights; nothing in it is executed.

    Args:
        path: ``model.pt`` or ``checkpoint.pt`` of a training, TorchScript, ``.safetensors`` or ``.onnx``.
    """
    path = Path(path)
    findings = Findings(f"weights {path}")
    findings.note("file", f"{path.stat().st_size / 1e6:.1f} MB")
    if path.suffix == ".onnx":
        findings.note("kind", f"ONNX network; {command_of('verify')} --scan examines it within its archive")
        return findings
    if path.suffix == ".safetensors":
        findings.note("kind", "safetensors: weights without a record of their training")
        return findings
    if _is_torchscript(path):
        findings.note(
            "kind", f"TorchScript: an exported network with its code; {command_of('predict')} --weights uses it"
        )
        _exported(findings, path)
        return findings
    try:
        from ..checkpoints import read_checkpoint
        from ..training_record import read_training_record

        content, record = read_checkpoint(path), read_training_record(path)
    except InputError as error:
        what, _, remedy = str(error).removeprefix(f"{path}: ").rpartition("; ")
        findings.error(path.name, what or one_line(error), remedy or "write it again by training")
        return findings
    _tensors(findings, content)
    if record is None:
        findings.warning(
            "record",
            "nothing is known of its training: other weights, or of an earlier version",
            "give the settings of the training at every later stage, or train again",
        )
    else:
        _record(findings, record)
    return findings


def _is_torchscript(path: Path) -> bool:
    if not zipfile.is_zipfile(path):
        return False
    with zipfile.ZipFile(path) as archive:
        return any("/code/" in name for name in archive.namelist())


def _exported(findings: Findings, path: Path) -> None:
    """What the metadata within an exported network say."""
    with zipfile.ZipFile(path) as archive:
        name = next((name for name in archive.namelist() if name.endswith("extra/metadata.json")), None)
        text = archive.read(name) if name and archive.getinfo(name).file_size < MOST_METADATA else b"{}"
    try:
        metadata = json.loads(text)
    except ValueError:
        metadata = {}
    known = {key: metadata[key] for key in ("name", "version", "monai_version", "pytorch_version") if key in metadata}
    if known:
        findings.note("metadata", ", ".join(f"{key.replace('_', ' ')} {value}" for key, value in known.items()))
    else:
        findings.note("metadata", "none: the network does not say what it is")


def _tensors(findings: Findings, content: Mapping[str, Any]) -> None:
    import torch

    whole = any(name in content and isinstance(content[name], Mapping) for name in STATES)
    state = next((content[name] for name in STATES if isinstance(content.get(name), Mapping)), content)
    tensors = {name: value for name, value in state.items() if isinstance(value, torch.Tensor)}
    number = sum(value.numel() for value in tensors.values())
    kind = "checkpoint with weights and state of the training" if whole else "weights"
    findings.note("kind", f"{kind}: {len(tensors)} tensors, {number / 1e6:.2f} million numbers")
    if not tensors:
        findings.error("weights", "no tensors", "name a file model.pt of a training")
    broken = [name for name, value in tensors.items() if value.is_floating_point() and not value.isfinite().all()]
    if broken:
        findings.error(
            "weights",
            f"{len(broken)} tensors with NaN or infinity, such as {broken[0]}",
            "train again with a lower --learning_rate",
        )


def _record(findings: Findings, record: Mapping[str, Any]) -> None:
    findings.note("record", f"{record['bundle']}, {record['config']}.yaml" + _fold(record))
    subjects = {part: len(names) for part, names in record["subjects"].items()}
    findings.note(
        "record",
        f"trained on {counted(subjects.get('training', 0), 'subject')}, "
        f"{subjects.get('validation', 0)} to choose the epoch",
    )
    for name in ("classes", "modalities"):
        if record.get(name):
            findings.note("record", f"{name}: {', '.join(map(str, record[name]))}")
    if changed := record.get("options"):
        findings.note(
            "record", "changed settings: " + ", ".join(f"{name} {value}" for name, value in list(changed.items())[:12])
        )
    if not Path(bundle_root(record["bundle"])).is_dir():
        findings.warning(
            "record", f"bundle {record['bundle']} is not in this checkout", "name its folder in the commands"
        )
    for name, trained in (record.get("versions") or {}).items():
        try:
            now = version(name)
        except PackageNotFoundError:
            continue
        if trained and now.split("+")[0] != str(trained).split("+")[0]:
            findings.warning(
                "versions", f"{name} {trained} at the training, {now} here", "compare predictions on a known case"
            )


def _fold(record: Mapping[str, Any]) -> str:
    return f", fold {record['fold']} held out" if record.get("fold") is not None else ", no fold held out"
