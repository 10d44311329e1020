"""Weights that are too large for the model zoo's repository: it keeps them elsewhere, and knows them by their hash."""

from __future__ import annotations

from pathlib import Path

import yaml

from ...files import file_digest, write_atomically
from ..verification.manifest import LARGE_FILES, archive_files

__all__ = ["LARGE_FILES", "ZOO_LIMIT", "write_large_files"]

ZOO_LIMIT = 25_000_000  # bytes; the zoo "limits each single file to be no larger than 25MB" (its CONTRIBUTING.md)


def write_large_files(folder: str | Path, address: str = "", limit: int = ZOO_LIMIT) -> Path | None:
    """Write ``large_files.yml`` where an archive has files above the zoo's limit.

    ``python -m monai.bundle download_large_files`` reads it: a file that is in place with that hash is taken as it is,
    any other is fetched.

    Args:
        folder: an archive's folder.
        address: URL of the folder into which the files will be uploaded; empty while it is not known.
        limit: size in bytes that a file may have.

    Returns:
        Its path; ``None`` where no file is larger.
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
