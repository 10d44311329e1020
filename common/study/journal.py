"""``study.json``: what a study has done so far."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from ..errors import InputError
from ..files import write_atomically

__all__ = ["JOURNAL", "Journal"]

JOURNAL = "study.json"


class Journal:
    """The file of a study that its steps write after each other; it is replaced as a whole.

    Args:
        study: folder of the study.

    Raises:
        InputError: the file is damaged.
    """

    def __init__(self, study: Path) -> None:
        self.path = study / JOURNAL
        self._read()

    @property
    def content(self) -> dict[str, Any]:
        """All entries."""
        return self._read()

    def _read(self) -> dict[str, Any]:
        try:
            return json.loads(self.path.read_text(encoding="utf-8")) if self.path.is_file() else {}
        except (ValueError, OSError) as error:
            raise InputError(f"{self.path}: damaged ({error}); delete it; finished steps are found again") from None

    def __getitem__(self, name: str) -> Any:
        return self.content.get(name)

    def write(self, **entries: Any) -> None:
        """Set entries and write the file."""
        write_atomically(self.path, json.dumps(self._read() | entries, indent=1, ensure_ascii=False) + "\n")

    @contextmanager
    def step(self, name: str) -> Iterator[None]:
        """Note the seconds of a step, and add them to those of earlier runs of it that were interrupted."""
        start = time.monotonic()
        finished = None
        try:
            yield
            finished = datetime.now(UTC).isoformat(timespec="seconds")
        finally:
            steps = dict(self.content.get("steps", {}))
            before = steps.get(name, {}).get("seconds", 0.0)
            steps[name] = {"seconds": round(before + time.monotonic() - start, 1), "finished": finished}
            self.write(steps=steps)
