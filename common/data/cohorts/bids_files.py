"""Which files of a BIDS folder belong to which visit."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from ...errors import InputError

__all__ = ["BidsFile", "Visit", "find_derivative", "scans", "visits"]

NAME = re.compile(r"(?P<entities>sub-[A-Za-z0-9+]+(_[a-z]+-[A-Za-z0-9+]+)*)_(?P<suffix>[A-Za-z0-9]+)\.nii(\.gz)?")


class Visit(NamedTuple):
    """A person's folder, or one session of it."""

    participant: str  # sub-01
    session: str  # ses-01, or empty

    def __str__(self) -> str:
        return f"{self.participant} {self.session}".strip()

    @property
    def prefix(self) -> str:
        """What all names of its files begin with."""
        return "_".join(part for part in self if part)


class BidsFile(NamedTuple):
    """An image and what its name tells."""

    path: Path
    visit: Visit
    entities: dict[str, str]  # without sub and ses
    suffix: str


Scan = dict[str, list[BidsFile]]  # candidates for each modality


def visits(
    root: Path, suffixes: Sequence[str], entities: Mapping[str, str], sessions: Sequence[str] = ()
) -> dict[Visit, list[BidsFile]]:
    """The visits of a cohort, in order, each with its files of these suffixes and entities.

    Args:
        root: folder of the ``sub-`` folders.
        suffixes: of the modalities.
        entities: that the files must have, such as ``{"acq": "mprage"}``.
        sessions: only these; empty for all.

    Raises:
        InputError: when there is no ``sub-`` folder, or no visit of these sessions.
    """
    wanted = {str(name).removeprefix("ses-") for name in sessions}
    found: dict[Visit, list[BidsFile]] = {}
    for person in sorted(path for path in root.glob("sub-*") if path.is_dir()):
        folders = sorted(path for path in person.glob("ses-*") if path.is_dir()) or [person]
        for folder in folders:
            session = folder.name if folder != person else ""
            if not wanted or session.removeprefix("ses-") in wanted:
                visit = Visit(person.name, session)
                files = [_parsed(path, visit) for path in sorted(folder.rglob("*.nii*"))]
                found[visit] = [
                    file
                    for file in files
                    if file and file.suffix in suffixes and entities.items() <= file.entities.items()
                ]
    if not found:
        what = f"sessions {', '.join(sorted(wanted))}" if wanted else "folders sub-<name>"
        raise InputError(f"{root}: found no visit, expected {what}; mend the path or the sessions")
    return found


def _parsed(path: Path, visit: Visit) -> BidsFile | None:
    match = NAME.fullmatch(path.name)
    if match is None or not path.name.startswith(f"{visit.prefix}_"):
        return None
    pairs = dict(pair.split("-", 1) for pair in match["entities"].split("_"))
    return BidsFile(path, visit, {key: pairs[key] for key in pairs if key not in ("sub", "ses")}, match["suffix"])


def scans(files: Sequence[BidsFile], suffixes: Sequence[str]) -> list[Scan]:
    """A visit's scans: one for each file of the first modality, with the candidates of the others.

    Candidates are those with the same entities, such as ``run-1``, or else all of the visit.
    """
    by_suffix = {suffix: [file for file in files if file.suffix == suffix] for suffix in suffixes}
    first, *others = suffixes
    found = []
    for lead in by_suffix[first] or [None]:
        scan: Scan = {first: [lead] if lead else []}
        for suffix in others:
            alike = [file for file in by_suffix[suffix] if lead and file.entities == lead.entities]
            scan[suffix] = alike or by_suffix[suffix]
        found.append(scan)
    return found


def find_derivative(root: Path, visit: Visit, scan: Scan, ending: str) -> tuple[Path | None, str | None]:
    """The file below ``derivatives`` that belongs to a scan, or the reason why there is none.

    Args:
        root: the cohort's folder.
        visit: of the scan.
        scan: of :func:`scans`.
        ending: of the name without ``.nii`` or ``.nii.gz``, such as ``label-lesion_mask``.
    """
    inner = "/".join(part for part in visit if part)
    patterns = [f"derivatives/{pipeline}{inner}/**/{visit.prefix}_*{ending}.nii*" for pipeline in ("", "*/")]
    found = sorted({path for pattern in patterns for path in root.glob(pattern)})
    runs = {file.entities.get("run") for files in scan.values() for file in files}
    if len(found) > 1 and len(runs) == 1:
        found = [path for path in found if f"_run-{next(iter(runs))}_" in path.name] or found
    if len(found) == 1:
        return found[0], None
    names = f" ({', '.join(path.name for path in found)})" if found else ""
    return None, f"found {len(found)} files *{ending} below derivatives{names}, expected one"
