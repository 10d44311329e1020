"""What the tables of a BIDS folder say of a visit."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from ...errors import InputError
from .bids_files import Visit
from .collect import read_table

__all__ = ["BidsTables"]

PARTICIPANTS = "participants.tsv"


class BidsTables:
    """``participants.tsv`` and each person's ``sub-<name>_sessions.tsv``.

    Args:
        root: the cohort's folder.
        visits: of the cohort.
    """

    def __init__(self, root: Path, visits: Sequence[Visit]) -> None:
        self.root = root
        self._participants = self._read(root / PARTICIPANTS, "participant_id")
        self._sessions = {
            name: self._read(root / name / f"{name}_sessions.tsv", "session_id")
            for name in dict.fromkeys(visit.participant for visit in visits)
        }

    @staticmethod
    def _read(path: Path, key: str) -> dict[str, dict[str, str]]:
        """Lines by name without its prefix, so that ``01`` and ``sub-01`` are one; none where there is no table."""
        if not path.is_file():
            return {}
        return {re.sub("^(sub|ses)-", "", line[key]): line for line in read_table(path, (key,), delimiter="\t")}

    def expect(self, columns: Sequence[str], person: str) -> None:
        """Check that some table has each of these columns, and the table of participants that of the person.

        Raises:
            InputError: with the columns that there are.
        """
        of_participants = _columns(self._participants)
        known = of_participants | {name for table in self._sessions.values() for name in _columns(table)}
        missing = [name for name in columns if name not in known]
        if person not in of_participants | {"participant_id"}:
            missing.append(person)
        if missing:
            found = f"the columns {', '.join(sorted(known))}" if known else f"no {PARTICIPANTS}"
            raise InputError(
                f"{self.root}: found {found}, expected {', '.join(missing)} too; mend the name or the table"
            )

    def value(self, visit: Visit, column: str) -> str:
        """The session's value, else the participant's; empty where there is none (``n/a``)."""
        name, session = visit.participant.removeprefix("sub-"), visit.session.removeprefix("ses-")
        lines = (self._sessions.get(visit.participant, {}).get(session, {}), self._participants.get(name, {}))
        return next((line[column] for line in lines if line.get(column, "n/a") not in ("", "n/a")), "")

    def person(self, visit: Visit, column: str) -> str:
        """The person's name: the participant's, unless another column tells it."""
        if column == "participant_id":
            return visit.participant
        name = visit.participant.removeprefix("sub-")
        return self._participants.get(name, {}).get(column, "").replace("n/a", "") or visit.participant


def _columns(table: dict[str, dict[str, str]]) -> set[str]:
    return {name for line in table.values() for name in line}
