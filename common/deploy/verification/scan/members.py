"""Zip files as torch writes them, whose every member is scanned."""

from __future__ import annotations

import io
import re
import zipfile
from collections.abc import Callable, Sequence

__all__ = ["open_zip", "scan_members"]


def open_zip(content: bytes) -> dict[str, bytes]:
    """The members of a zip file by name.

    Raises:
        ValueError: not a readable zip file, or one that another reader may read otherwise.
    """
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            names = [info.filename for info in archive.infolist()]
            if len(set(names)) != len(names):
                raise ValueError("a zip file with two members of one name")
            return {name: archive.read(name) for name in names}
    except (zipfile.BadZipFile, RuntimeError, NotImplementedError, OSError, EOFError) as error:
        raise ValueError(f"no readable zip file ({error})") from error


def scan_members(content: bytes, scans: Sequence[tuple[str, Callable[[bytes], list[str]]]], kind: str) -> list[str]:
    """Problems of a zip file's members, each told once.

    Args:
        content: the zip file's bytes.
        scans: for each pattern of names, below the one folder, what finds the problems of such a member; other names
            are a problem.
        kind: what the file is, for the message.
    """
    try:
        members = open_zip(content)
    except ValueError as error:
        return [str(error)]
    problems = []
    for name, member in members.items():
        inner = name.partition("/")[2]
        scan = next((scan for pattern, scan in scans if re.fullmatch(pattern, inner)), None)
        found = [f"no member of this name belongs into {kind}"] if scan is None else scan(member)
        problems += [f"{name}: {problem}" for problem in dict.fromkeys(found)]
    return problems
