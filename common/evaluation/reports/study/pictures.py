"""Pictures of a page as files beside it, so that the page is made again without computing them."""

from __future__ import annotations

import hashlib
import io
import json
import re
from pathlib import Path
from typing import Any

import numpy as np

from ....files import write_atomically

__all__ = ["Pictures", "stamp"]


def stamp(path: str | Path) -> list[Any]:
    """Name, size and time of a file, or of those of a folder: they change with a file, not when it is moved."""
    path = Path(path)
    if not path.exists():
        return [path.name]
    found = path.stat()
    inside = [stamp(file) for file in sorted(path.iterdir())] if path.is_dir() else []
    return [path.name, found.st_size, found.st_mtime_ns, *inside]


class Pictures:
    """A folder of pictures by what they show.

    Args:
        folder: folder of the files; it is created with the first picture.

    Example:
        >>> pictures = Pictures(Path("report_files/cases"))
        >>> key = ["heat", 3, *stamp("model.pt")]
        >>> picture = pictures.find("heat of s1", key)  # None the first time
        >>> pictures.keep("heat of s1", key, picture)
        >>> pictures.drop_others()
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._used: set[str] = set()

    def find(self, title: str, key: Any) -> np.ndarray | None:
        """The picture that was kept under these words and this key, ``[rows, columns, 3]`` bytes.

        Args:
            title: words for the file's name.
            key: all that the picture depends on, as JSON has it.
        """
        from PIL import Image, UnidentifiedImageError

        path = self._path(title, key)
        try:
            with Image.open(path) as found:
                picture = np.asarray(found.convert("RGB"))
        except (OSError, UnidentifiedImageError):
            return None
        self._used.add(path.name)
        return picture

    def keep(self, title: str, key: Any, picture: np.ndarray) -> None:
        """Write a picture without loss, see :meth:`find`."""
        from PIL import Image

        path, buffer = self._path(title, key), io.BytesIO()
        Image.fromarray(picture).save(buffer, format="PNG", optimize=True)
        write_atomically(path, buffer.getvalue())
        self._used.add(path.name)

    def drop_others(self) -> None:
        """Delete pictures that this page has not shown."""
        for path in self.folder.glob("*.png"):
            if path.name not in self._used:
                path.unlink(missing_ok=True)

    def _path(self, title: str, key: Any) -> Path:
        digest = hashlib.sha256(json.dumps(key, default=str).encode()).hexdigest()[:10]
        return self.folder / f"{re.sub(r'[^A-Za-z0-9.-]+', '_', title)[:60]}_{digest}.png"
