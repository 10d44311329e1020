"""Hashes of files, cached until the files change."""

from __future__ import annotations

import hashlib
import json
import logging
import os
from pathlib import Path

from ..files import write_atomically
from ..images.facts_cache import file_stamp
from ..images.read import image_digest

__all__ = ["FileDigests"]

logger = logging.getLogger(__name__)


class FileDigests:
    """BLAKE2b hashes of file contents; once hashed, a file costs a ``stat`` until it changes.

    Each hash is cached in a small file, which is written completely or not at all, so that any number of processes may
    share the folder and a killed run loses nothing. Where it cannot be written, as on a full disk, a warning is logged
    and the file is read again next time.

    Args:
        folder: folder of the cache.
    """

    def __init__(self, folder: str | os.PathLike) -> None:
        self.folder = Path(folder)

    def __call__(self, path: str) -> str:
        """The hash of a file's bytes, or of all files of a folder with a DICOM series.

        Args:
            path: file, or folder with a DICOM series.

        Raises:
            OSError: the file or folder cannot be read.
        """
        path = os.path.abspath(path)
        known = json.dumps([path, file_stamp(path)])
        note = self.folder / hashlib.blake2b(known.encode(), digest_size=20).hexdigest()
        try:
            digest = note.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError):  # none yet, or damaged
            digest = ""
        if not digest:
            digest = image_digest(path)
            self._keep(note, digest, path)
        return digest

    def _keep(self, note: Path, digest: str, path: str) -> None:
        try:
            write_atomically(note, digest)
        except OSError as error:
            logger.warning("digest of %s not kept (%s); the file will be read again next time", path, error.strerror)
