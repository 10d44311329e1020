"""The model zoo's list of its archives, where ``monai.bundle`` looks for them."""

from __future__ import annotations

import json
from pathlib import Path

from ...errors import InputError, one_line
from ...files import file_digest, write_atomically

__all__ = ["ZOO_ADDRESS", "write_model_info"]

#: Where the zoo keeps the archives of all bundles.
ZOO_ADDRESS = "https://github.com/Project-MONAI/model-zoo/releases/download/hosting_storage_v1"


def write_model_info(path: str | Path, archive: str | Path, version: str, address: str = ZOO_ADDRESS) -> Path:
    """Add an archive to ``model_info.json``, as the zoo's ``update_model_info.py`` does for a new bundle.

    ``{"<name>_v<version>": {"checksum": <SHA-1 of the zip>, "source": <URL>}}``; other entries are kept.

    Args:
        path: path of ``model_info.json``, which need not exist yet.
        archive: zip file, named after the bundle.
        version: version in its metadata.
        address: URL of the folder to which the zip is uploaded, as ``<name>_v<version>.zip``.

    Returns:
        ``path``.

    Raises:
        InputError: the file exists and is no such list.
    """
    path, archive = Path(path), Path(archive)
    entries = _read(path) if path.is_file() else {}
    key = f"{archive.stem}_v{version}"
    entries[key] = {"checksum": file_digest(archive, "sha1"), "source": f"{address.rstrip('/')}/{key}.zip"}
    return write_atomically(path, json.dumps(entries, indent=4) + "\n")


def _read(path: Path) -> dict[str, dict[str, str]]:
    try:
        entries = json.loads(path.read_text())
        if isinstance(entries, dict):
            return entries
        found = f"a {type(entries).__name__}"
    except ValueError as error:
        found = one_line(error)
    raise InputError(f"{path}: {found}; expected the zoo's list of archives, a JSON dictionary; move it away")
