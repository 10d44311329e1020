"""An archive of a classifier: whether it is unchanged and free of code, what it is, on what it was trained."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ..errors import InputError
from ..programs import command_of
from .findings import Findings

__all__ = ["examine_archive"]

FACTS = ("name", "version", "task", "description", "intended_use", "data_source", "monai_version", "pytorch_version")


def examine_archive(path: str | Path) -> Findings:
    """Examine an archive of ``scripts/package.py``; nothing in it is executed.

    Args:
        path: zip file, or its unpacked folder.
    """
    from ..deploy.verification.archive import open_archive
    from ..deploy.verification.manifest import SIGNATURE, read_manifest
    from ..deploy.verification.scan import scan_folder

    findings = Findings(f"archive {path}")
    try:
        with open_archive(path) as folder:
            findings.note("manifest", f"{len(read_manifest(folder))} files, all as listed")
            signed = (folder / SIGNATURE).is_file()
            findings.note("signature", f"present; {command_of('verify')} --key checks it" if signed else "none")
            if problems := scan_folder(folder):
                findings.warning(
                    "scan",
                    f"{len(problems)} parts may run code: {problems[0]}",
                    "use it only if you trust its maker; --target inference makes archives without code",
                )
            else:
                findings.note("scan", "no code: no Python, no pickles, no expressions beyond the allow-list")
            _metadata(findings, folder)
    except InputError as error:
        first = str(error).splitlines()[0].removeprefix(f"{path}: ")
        what, _, remedy = first.rpartition("; ")
        findings.error("archive", what or first, remedy or "get it again from its maker")
    return findings


def _metadata(findings: Findings, folder: Path) -> None:
    from ..deploy.verification.scan.configs import read_json

    place = folder / "configs/metadata.json"
    if not place.is_file():
        findings.warning("metadata.json", "missing: the archive does not say what it is", "ask its maker")
        return
    found = read_json(place.read_bytes())[0]
    metadata: Mapping[str, Any] = found if isinstance(found, dict) else {}
    for name in FACTS:
        if metadata.get(name):
            findings.note(name.replace("_", " "), _short(str(metadata[name])))
    scores = metadata.get("eval_metrics") or {}
    numbers = ", ".join(f"{name} {value:.3f}" for name, value in scores.items() if isinstance(value, float))
    findings.note("scores", numbers or "none recorded")


def _short(text: str) -> str:
    return text if len(text) <= 160 else f"{text[:157]}..."
