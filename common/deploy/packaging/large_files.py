"""Weights that are too large for the model zoo's repository, which stores them elsewhere and checks their hash."""

from __future__ import annotations

from pathlib import Path

import yaml

from ...files import file_digest, write_atomically
from ..verification.manifest import LARGE_FILES, archive_files

__all__ = ["LARGE_FILES", "ZOO_LIMIT", "write_large_files"]

ZOO_LIMIT = 25_000_000  # bytes; the zoo "limits each single file to be no larger than 25MB" (its CONTRIBUTING.md)


def write_large_files(folder: str | Path, address: str = "", limit: int = ZOO_LIMIT) -> Path | None:
    """Write ``large_files.yml`` if an archive has files above the zoo's limit.

    ``python -m monai.bundle download_large_files`` reads it: an existing file with the right hash is kept, any other is
    downloaded.

    Args:
        folder: folder of the archive.
        address: URL of the folder to which the files will be uploaded; empty if unknown.
        limit: maximum size of a file in bytes.

    Returns:
        Path of the file; ``None`` if no file is larger.
    """
    folder = Path(folder)
    large = [name for name in archive_files(folder) if (folder / name).stat().st_size > limit]
    if not large:
        return None
    entries = [
        {
            "path": name,
            "url": f"{address.rstrip('/')}/{Path(name).name}" if address else "",
            "hash_val": file_digest(folder / name, "sha256"),
            "hash_type": "sha256",
        }
        for name in large
    ]
    return write_atomically(folder / LARGE_FILES, yaml.safe_dump({"large_files": entries}, sort_keys=False))
