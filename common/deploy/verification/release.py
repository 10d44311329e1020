"""Name and version of an archive, which a signature alone does not restrict to a release."""

from __future__ import annotations

import json
from pathlib import Path

from packaging.requirements import InvalidRequirement, Requirement
from packaging.version import InvalidVersion, Version

from ...errors import InputError, one_line

__all__ = ["check_release"]

PROVENANCE = "docs/provenance.json"


def check_release(folder: str | Path, required: str) -> None:
    """Check that an archive is the wanted release, so that a signed older one does not pass as the new one.

    Args:
        folder: folder of a verified archive.
        required: name of the bundle and a condition on its version, such as ``siam3d_imbalance>=0.2.0`` (PEP 508).

    Raises:
        InputError: the condition cannot be read; the archive has no ``docs/provenance.json``; it is another bundle or
            another version.
    """
    expected = "expected a bundle and its version, such as --require 'siam3d_imbalance>=0.2.0'"
    try:
        wanted = Requirement(required)
    except InvalidRequirement as error:
        raise InputError(f"require: {required!r} ({one_line(error)}); {expected}") from error
    if not wanted.specifier or wanted.marker or wanted.extras or wanted.url:
        raise InputError(f"require: {required!r}; {expected}")
    try:
        content = json.loads((Path(folder) / PROVENANCE).read_text(encoding="utf-8"))
        name, version = content["bundle"], Version(content["version"])
    except (OSError, ValueError, TypeError, KeyError, RecursionError, InvalidVersion) as error:
        found = f"{type(error).__name__}: {one_line(error)}" if not isinstance(error, OSError) else "no such file"
        raise InputError(f"{PROVENANCE}: {found}; expected bundle and version; use an archive that has them") from error
    if name != wanted.name or not wanted.specifier.contains(version, prereleases=True):
        raise InputError(f"{PROVENANCE}: {name} {version}; expected {wanted}; get that release from its maker")
