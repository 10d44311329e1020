"""What a word on the command line names, and its examination."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path

from .. import bundle_root
from ..errors import InputError
from ..programs import command_of
from .findings import Findings

__all__ = ["dumps", "examine"]

_TABLES = (".csv", ".tsv", ".xlsx")


def examine(thing: str | None, output_dir: str | Path | None = None) -> Findings:
    """Examine what a word names.

    Args:
        thing: name or folder of a bundle, datalist, file of weights, or archive; ``None`` for the installation.
        output_dir: folder of pictures of a datalist.

    Raises:
        InputError: there is no such thing.
    """
    if thing is None:
        from .installation_findings import examine_installation

        return examine_installation()
    path = Path(thing)
    if ((path / "configs").is_dir() and not _is_archive(path)) or _is_bundle(thing):
        from .bundle_findings import examine_bundle

        return examine_bundle(thing)
    if not path.exists():
        raise InputError(
            f"{thing}: no such file, folder or bundle; expected a bundle, a datalist (.json), weights (.pt, .ts) or an "
            "archive (.zip); correct the path"
        )
    if _is_archive(path):
        from .archive_findings import examine_archive

        return examine_archive(path)
    if path.suffix == ".json":
        from .datalist_findings import examine_datalist

        return examine_datalist(path, output_dir)
    if path.suffix.lower() in _TABLES:
        remedy = f"run {command_of('make_datalist')} table {thing} datalist.json, then this on the datalist"
        raise InputError(f"{thing}: found a table, expected a datalist (.json); {remedy}")
    if path.is_file():
        from .weights_findings import examine_weights

        return examine_weights(path)
    inside = next(
        (path / name for name in ("final/model.pt", "datalist.json", "model.pt") if (path / name).is_file()), None
    )
    remedy = "correct the path" if inside is None else f"run {command_of('doctor')} {inside}"
    raise InputError(f"{thing}: a folder without configs or manifest; expected a bundle or an archive; {remedy}")


def _is_bundle(thing: str) -> bool:
    return "/" not in thing and not Path(thing).exists() and (Path(bundle_root(thing)) / "configs").is_dir()


def _is_archive(path: Path) -> bool:
    """Whether a path is a zip with, or a folder with, a manifest; a checkpoint of torch is a zip as well."""
    if path.is_dir():
        return (path / "manifest.json").is_file()
    if not zipfile.is_zipfile(path):
        return False
    with zipfile.ZipFile(path) as archive:
        return path.suffix == ".zip" or any(name.endswith("/manifest.json") for name in archive.namelist())


def dumps(found: list[Findings]) -> str:
    """Several examinations as one JSON text."""
    return json.dumps([each.as_json() for each in found], indent=1)
