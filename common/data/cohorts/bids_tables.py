"""Values of the tables of a BIDS folder by visit."""

from __future__ import annotations

import itertools
import re
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from ...errors import InputError
from .bids_files import Visit
from .collect import read_table

__all__ = ["BidsTables"]

PARTICIPANTS = "participants.tsv"
SESSIONS = ("session_id", "session")  # columns of a table with a line per session

Table = dict[tuple[str, str], dict[str, str]]  # lines by name and session, without their prefixes


class BidsTables:
    """``participants.tsv`` and the ``sub-<name>_sessions.tsv`` of each person.

    Args:
        root: folder of the cohort.
        visits: visits of the cohort.
    """

    def __init__(self, root: Path, visits: Sequence[Visit]) -> None:
        self.root = root
        self._participants = _read(root / PARTICIPANTS, "participant_id", visits)
        self._sessions = {
            name: _read(root / name / f"{name}_sessions.tsv", "session_id", visits)
            for name in dict.fromkeys(visit.participant for visit in visits)
        }
        if self._participants and not any(self._line(self._participants, visit.participant, visit) for visit in visits):
            names = ", ".join(name for name, _ in list(self._participants)[:3])
            raise InputError(
                f"{root / PARTICIPANTS}: found the participants {names}, ..., expected names of the folders, such as "
                f"{next(iter(visits)).participant}; correct the table"
            )

    def expect(self, columns: Sequence[str], person: str) -> None:
        """Check that each of these columns is in some table, and the column of the person in that of participants.

        Raises:
            InputError: a column is missing; the message lists the existing ones.
        """
        of_participants = _columns(self._participants)
        known = of_participants | {name for table in self._sessions.values() for name in _columns(table)}
        missing = [name for name in columns if name not in known]
        if person not in of_participants | {"participant_id"}:
            missing.append(person)
        if missing:
            found = f"the columns {', '.join(sorted(known))}" if known else f"no {PARTICIPANTS}"
            raise InputError(
                f"{self.root}: found {found}, expected {', '.join(missing)} too; correct the name or the table"
            )

    def value(self, visit: Visit, column: str) -> str:
        """The value of the session, else of the participant; empty if there is none (``n/a``)."""
        lines = (
            self._line(self._sessions.get(visit.participant, {}), visit.session, visit),
            self._line(self._participants, visit.participant, visit),
        )
        return next((line[column] for line in lines if line.get(column)), "")

    @staticmethod
    def _line(table: Table, name: str, visit: Visit) -> dict[str, str]:
        """The line of a name and, if the table has several lines per name, of the session of the visit."""
        for key in _keys(name):
            for session in (*_keys(visit.session), ""):
                if (key, session) in table:
                    return table[key, session]
        return {}

    def person(self, visit: Visit, column: str) -> str:
        """The name of the person: that of the participant, or the value of another column."""
        if column == "participant_id":
            return visit.participant
        return self._line(self._participants, visit.participant, visit).get(column, "") or visit.participant


def _keys(name: str) -> tuple[str, ...]:
    """A name without prefix, unchanged and as a number, so that ``01``, ``1`` and ``sub-01`` are the same."""
    bare = re.sub("^(sub|ses)-", "", name)
    return (bare, str(int(bare))) if bare.isdecimal() else (bare,)


def _read(path: Path, key: str, visits: Sequence[Visit]) -> Table:
    """Lines by name and session; empty without a table.

    Raises:
        InputError: a name has several lines without a column for their session.
    """
    if not path.is_file():
        return {}
    lines = read_table(path, (key,), delimiter="\t")
    counts = Counter(line[key] for line in lines)
    several = [name for name, count in counts.items() if count > 1]
    column = next((name for name in SESSIONS if lines and name in lines[0] and name != key), None) if several else None
    table: Table = {}
    problems = []
    for line in lines:
        place = (_keys(line[key])[0], _keys(line[column])[0] if column else "")
        if place in table:
            what = f" of session {place[1]}" if column else ""
            remedy = "" if column else f", or a column {' or '.join(SESSIONS)}"
            problems.append(f"{line[key]}: found several lines{what}, expected one{remedy}")
        table[place] = line
    for (name, session), line in list(table.items()):
        for alias in itertools.product(_keys(name), _keys(session)):
            table.setdefault(alias, line)
    if problems:
        raise InputError.of_rows(str(path), list(dict.fromkeys(problems)))
    return table


def _columns(table: Table) -> set[str]:
    return {name for line in table.values() for name in line}
