"""Cache of the facts of image files between runs."""

from __future__ import annotations

import dataclasses
import json
import logging
import os
from pathlib import Path
from typing import Any

from ..files import write_atomically
from .companions import companions
from .facts import ImageFacts, read_image_facts

__all__ = ["FactsCache", "file_stamp"]

logger = logging.getLogger(__name__)

# Part of the stamp of every file: increase it when ImageFacts or its reading changes, so that files are read again.
FACTS_VERSION = 3


class FactsCache:
    """Facts of image files by path, size and modification time, in one small JSON file.

    An unchanged file costs a ``stat``; a changed one is read again. Files that could not be read are not cached. Two
    processes may use one folder: each replaces the JSON file as a whole.

    Args:
        folder: folder of ``image_facts.json``, or ``None`` to cache within this object only.
    """

    def __init__(self, folder: str | os.PathLike | None) -> None:
        self.path = None if folder is None else Path(folder) / "image_facts.json"
        self._entries: dict[str, dict[str, Any]] = self._read()
        self._changed = False

    def known(self, path: str, *, is_mask: bool, content: bool) -> ImageFacts | None:
        """The cached facts of one file, or ``None`` if it must be read; for arguments see :func:`read_image_facts`."""
        entry = self._entries.get(_key(path, is_mask))
        try:
            if entry is None or entry["stamp"] != file_stamp(path):
                return None
        except OSError:
            return None
        facts = ImageFacts.from_json(entry["facts"])
        return facts if facts.has_content or not content else None

    def facts(self, path: str, *, is_mask: bool, content: bool) -> ImageFacts:
        """The facts of one file, cached or read; for arguments and errors see :func:`read_image_facts`."""
        if known := self.known(path, is_mask=is_mask, content=content):
            return known
        stamp = file_stamp(path)
        facts = read_image_facts(path, is_mask=is_mask, content=content)
        # A round trip through JSON, so that cached and fresh facts are the same.
        plain = json.loads(json.dumps(dataclasses.asdict(facts)))
        self._entries[_key(path, is_mask)] = {"stamp": stamp, "facts": plain}
        self._changed = True
        return facts

    def save(self) -> None:
        """Write the new facts; if the folder cannot be written, the files are read again at the next run."""
        if self.path is None or not self._changed:
            return
        try:
            write_atomically(self.path, json.dumps(self._read() | self._entries))
        except OSError as error:
            logger.warning("%s: not written (%s); the files will be read again next time", self.path, error)
        self._changed = False

    def _read(self) -> dict[str, dict[str, Any]]:
        if self.path is None or not self.path.is_file():
            return {}
        try:
            entries = json.loads(self.path.read_text())
            return {key: entry for key, entry in entries.items() if {"stamp", "facts"} <= entry.keys()}
        except (OSError, ValueError, AttributeError) as error:
            logger.warning("%s: unreadable (%s); the files are read again", self.path, error)
            return {}


def _key(path: str, is_mask: bool) -> str:
    return f"{'mask' if is_mask else 'image'}:{path}"


def file_stamp(path: str) -> list[int]:
    """Size and modification time of a file with its companions, or of all files of a folder together."""
    if os.path.isdir(path):
        stats = [entry.stat() for entry in os.scandir(path) if entry.is_file()]
        newest = max((stat.st_mtime_ns for stat in stats), default=0)
        return [FACTS_VERSION, len(stats), sum(stat.st_size for stat in stats), newest]
    stats = [os.stat(each) for each in (Path(path), *companions(path))]
    return [FACTS_VERSION, sum(stat.st_size for stat in stats), max(stat.st_mtime_ns for stat in stats)]
