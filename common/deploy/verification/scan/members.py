"""Scan of all members of a zip file written by torch."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

from ..zip_layout import read_members

__all__ = ["scan_members"]


def scan_members(content: bytes, scans: Sequence[tuple[str, Callable[[bytes], list[str]]]], kind: str) -> list[str]:
    """Problems of a zip file's members, each reported once.

    Args:
        content: bytes of the zip file.
        scans: pairs of a pattern for names, below the top-level folder, and the function that finds the problems of
            such a member; other names are a problem.
        kind: kind of the file, for messages.
    """
    try:
        members = read_members(content)
    except ValueError as error:
        return [str(error)]
    problems = []
    if len({name.partition("/")[0] for name in members}) > 1:
        problems.append("a zip file with several folders")
    for name, member in members.items():
        inner = name.partition("/")[2]
        scan = next((scan for pattern, scan in scans if re.fullmatch(pattern, inner)), None)
        found = [f"no member of this name belongs in {kind}"] if scan is None else scan(member)
        problems += [f"{name}: {problem}" for problem in dict.fromkeys(found)]
    return problems
