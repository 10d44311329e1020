"""Names of the classes of a datalist."""

from __future__ import annotations

import json
from pathlib import Path

from ..errors import InputError

__all__ = ["class_names"]


def class_names(path: str | Path) -> list[str] | None:
    """The values of a datalist's ``labels`` in the order of their indices; ``None`` where it names none.

    Raises:
        InputError: when the file is missing or no JSON.
    """
    try:
        labels = json.loads(Path(path).read_text(encoding="utf-8")).get("labels")
    except (OSError, ValueError) as error:
        raise InputError(f"{path}: no readable datalist ({error}); set --datalist") from error
    return [labels[index] for index in sorted(labels, key=int)] if labels else None
