"""Weights that are too large for the model zoo's repository, which stores them elsewhere and checks their hash."""

from __future__ import annotations

from pathlib import Path

import yaml

from ...files import file_digest, write_atomically
from ..verification.manifest import LARGE_FILES, archive_files
from .model_info import ZOO_ADDRESS

__all__ = ["LARGE_FILES", "ZOO_LIMIT", "write_large_files"]

#: Bytes: the zoo's hook check-added-large-files refuses more (.pre-commit-config.yaml, "--maxkb=1024").
ZOO_LIMIT = 1024 * 1024


def write_large_files(
    folder: str | Path, version: str, address: str = ZOO_ADDRESS, limit: int = ZOO_LIMIT
) -> Path | None:
    """Write ``large_files.yml`` if an archive has files above the zoo's limit.

    ``python -m monai.bundle download_large_files`` reads it: an existing file with the right hash is kept, any other is
    downloaded.

    Args:
        folder: folder of the archive.
        version: version of the archive, which is a part of each address.
        address: URL of the folder to which the files will be uploaded, as ``<name>_v<version>_<file>``.
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
            "url": f"{address.rstrip('/')}/{folder.name}_v{version}_{Path(name).name}",
            "hash_val": file_digest(folder / name, "sha256"),
            "hash_type": "sha256",
        }
        for name in large
    ]
    return write_atomically(folder / LARGE_FILES, yaml.safe_dump({"large_files": entries}, sort_keys=False))
