"""Findings of an examination: how severe, where, what, and what to do."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

__all__ = ["Finding", "Findings"]

Level = Literal["error", "warning", "note"]
_ORDER = ("error", "warning", "note")
_MARKS = {"error": "ERROR  ", "warning": "WARNING", "note": "note   "}


@dataclass(frozen=True)
class Finding:
    """One finding.

    Attributes:
        level: ``error`` for what will fail or make results wrong, ``warning`` for what may, ``note`` for what is as it
            should be or only worth knowing.
        place: file, id, row or part of the installation.
        text: description of the finding.
        remedy: action to take; a command where there is one. Empty for notes.
    """

    level: Level
    place: str
    text: str
    remedy: str = ""

    @property
    def line(self) -> str:
        """The finding in one line."""
        return f"{_MARKS[self.level]} {self.place}: {self.text}" + (f"; {self.remedy}" if self.remedy else "")


@dataclass
class Findings:
    """Findings on one thing.

    Attributes:
        subject: name of the examined object.
        found: the findings in the order in which they were found.
        files: files that were written, such as pictures.
    """

    subject: str
    found: list[Finding] = field(default_factory=list)
    files: list[str] = field(default_factory=list)

    def error(self, place: str, text: str, remedy: str) -> None:
        """Add what will fail or make results wrong."""
        self.found.append(Finding("error", place, text, remedy))

    def warning(self, place: str, text: str, remedy: str) -> None:
        """Add what may fail or make results wrong."""
        self.found.append(Finding("warning", place, text, remedy))

    def note(self, place: str, text: str) -> None:
        """Add what is as it should be, or only worth knowing."""
        self.found.append(Finding("note", place, text))

    def count(self, level: Level) -> int:
        """Number of findings of a level."""
        return sum(finding.level == level for finding in self.found)

    def lines(self) -> Iterator[str]:
        """The findings as text, the most severe first."""
        yield self.subject
        for finding in sorted(self.found, key=lambda finding: _ORDER.index(finding.level)):
            yield f"  {finding.line}"
        for file in self.files:
            yield f"  written: {file}"
        counts = ((self.count(level), level) for level in ("error", "warning"))
        yield "  " + ", ".join(f"{count} {level}{'' if count == 1 else 's'}" for count, level in counts)

    def as_json(self) -> dict[str, Any]:
        """The findings as plain values."""
        counts = {f"{level}s": self.count(level) for level in ("error", "warning")}
        return {
            "subject": self.subject,
            **counts,
            "findings": [asdict(each) for each in self.found],
            "files": self.files,
        }

    def dumps(self) -> str:
        """:meth:`as_json` as text."""
        return json.dumps(self.as_json(), indent=1)
