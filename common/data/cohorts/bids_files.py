"""Files of a BIDS folder by visit."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from ...errors import InputError

__all__ = ["BidsFile", "Visit", "find_derivative", "scans", "visits"]

NAME = re.compile(r"(?P<entities>sub-[A-Za-z0-9+]+(_[a-z]+-[A-Za-z0-9+]+)*)_(?P<suffix>[A-Za-z0-9]+)\.nii(\.gz)?")

ACQUISITION = ("acq", "ce", "rec", "inv")  # entities that may differ between the modalities of one scan
DERIVED = ("desc", "label", "space", "res", "den", "seg", "atlas", "hemi", "cohort")  # entities that derivatives add


class Visit(NamedTuple):
    """A person's folder, or one session of it."""

    participant: str  # sub-01
    session: str  # ses-01, or empty

    def __str__(self) -> str:
        return f"{self.participant} {self.session}".strip()

    @property
    def prefix(self) -> str:
        """Prefix of the names of all its files."""
        return "_".join(part for part in self if part)


class BidsFile(NamedTuple):
    """An image and the parts of its name."""

    path: Path
    visit: Visit
    entities: dict[str, str]  # without sub and ses
    suffix: str


Scan = dict[str, list[BidsFile]]  # candidates by modality


def visits(
    root: Path, suffixes: Sequence[str], entities: Mapping[str, str], sessions: Sequence[str] = ()
) -> dict[Visit, list[BidsFile]]:
    """The visits of a cohort in order, each with its files of given suffixes and entities.

    Args:
        root: folder of the ``sub-`` folders.
        suffixes: suffixes of the modalities.
        entities: entities that the file names must have, such as ``{"acq": "mprage"}``.
        sessions: sessions to read; empty for all.

    Raises:
        InputError: there is no ``sub-`` folder, or no visit of these sessions.
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
        raise InputError(f"{root}: found no visit, expected {what}; correct the path or the sessions")
    return found


def _parsed(path: Path, visit: Visit) -> BidsFile | None:
    match = NAME.fullmatch(path.name)
    if match is None or not path.name.startswith(f"{visit.prefix}_"):
        return None
    pairs = dict(pair.split("-", 1) for pair in match["entities"].split("_"))
    return BidsFile(path, visit, {key: pairs[key] for key in pairs if key not in ("sub", "ses")}, match["suffix"])


def scans(files: Sequence[BidsFile], suffixes: Sequence[str]) -> list[Scan]:
    """The scans of a visit: one per file of the first modality, with the candidates of the others.

    Candidates agree in all entities that both names have, such as ``run-1``, except those of the acquisition. If some
    have exactly the same entities, only these are candidates.
    """
    by_suffix = {suffix: [file for file in files if file.suffix == suffix] for suffix in suffixes}
    first, *others = suffixes
    found = []
    leads: list[BidsFile | None] = [*by_suffix[first]]
    for lead in leads or [None]:
        scan: Scan = {first: [lead] if lead else []}
        for suffix in others:
            fit = [file for file in by_suffix[suffix] if lead is None or _agree(file.entities, lead.entities)]
            scan[suffix] = [file for file in fit if lead and file.entities == lead.entities] or fit
        found.append(scan)
    return found


def _agree(one: Mapping[str, str], other: Mapping[str, str]) -> bool:
    return all(one[key] == other[key] for key in one.keys() & other.keys() if key not in ACQUISITION)


def _is_derived(path: Path, visit: Visit, entities: Mapping[str, str], only: bool) -> bool:
    """Whether a file in ``derivatives`` was derived from the file with these entities.

    Its name repeats them; if the visit has only one scan, it may omit some.
    """
    parsed = _parsed(path, visit)
    if parsed is None:
        return False
    kept = {key: value for key, value in parsed.entities.items() if key not in DERIVED or key in entities}
    return kept.items() <= entities.items() if only else kept == dict(entities)


def find_derivative(
    root: Path, visit: Visit, scan: Scan, ending: str, only: bool = False
) -> tuple[Path | None, str | None]:
    """The file in ``derivatives`` that belongs to a scan, or the reason why there is none.

    Args:
        root: folder of the cohort.
        visit: visit of the scan.
        scan: scan from :func:`scans`.
        ending: end of the file name without ``.nii`` or ``.nii.gz``, such as ``label-lesion_mask``.
        only: whether it is the only scan of the visit.
    """
    lead = next((files[0] for files in scan.values() if files), None)
    inner = "/".join(part for part in visit if part)
    patterns = [f"derivatives/{pipeline}{inner}/**/{visit.prefix}_*{ending}.nii*" for pipeline in ("", "*/")]
    found = sorted({path for pattern in patterns for path in root.glob(pattern)})
    if lead is not None:
        found = [path for path in found if _is_derived(path, visit, lead.entities, only)]
    if len(found) == 1:
        return found[0], None
    names = f" ({', '.join(path.name for path in found)})" if found else ""
    return None, f"found {len(found)} files *{ending} below derivatives{names}, expected one"
