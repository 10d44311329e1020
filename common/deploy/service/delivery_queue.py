"""The part of the queue that knows which results are still to be sent, and which may be removed."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from .queue_file import QueueFile

__all__ = ["Delivery", "DeliveryQueue"]

GIVEN_UP = float("inf")  # time of the next attempt


@dataclass(frozen=True)
class Delivery:
    """Results that are to be sent to one destination.

    Attributes:
        number: number in the queue, new for each prediction of a study.
        study: Study Instance UID.
        destination: destination as in the settings.
        results: folder of the results.
        attempts: number of earlier attempts.
    """

    number: int
    study: str
    destination: str
    results: Path
    attempts: int


class DeliveryQueue(QueueFile):
    """Deliveries of the studies that were predicted.

    Args:
        path: SQLite file; created if missing.
    """

    def next_delivery(self, destination: str) -> Delivery | None:
        """The next delivery to a destination that is due.

        Args:
            destination: destination as in the settings.
        """
        with self._lock:
            row = self._base.execute(
                """SELECT id, study, destination, results, deliveries.attempts FROM deliveries
                   JOIN studies ON studies.uid = study
                   WHERE destination = ? AND NOT done AND state = 'delivering' AND deliveries.due <= ?
                   ORDER BY deliveries.due, id LIMIT 1""",
                (destination, time.time()),
            ).fetchone()
        return None if row is None else Delivery(row[0], row[1], row[2], Path(row[3]), row[4])

    def delivered(self, delivery: Delivery) -> None:
        """A destination has confirmed all files; the study is done when all have.

        Args:
            delivery: confirmed delivery.
        """
        with self._transaction() as base:
            base.execute("UPDATE deliveries SET done = 1, reason = '' WHERE id = ?", (delivery.number,))
            self._close_study(delivery.study)

    def not_delivered(self, delivery: Delivery, reason: str, again: float | None) -> None:
        """A destination could not be reached or refused a file.

        Args:
            delivery: failed delivery.
            reason: one line.
            again: time in seconds after which it is tried again; ``None`` to give up.
        """
        due = GIVEN_UP if again is None else time.time() + again
        with self._transaction() as base:
            query = "UPDATE deliveries SET attempts = attempts + 1, due = ?, reason = ? WHERE id = ?"
            base.execute(query, (due, reason, delivery.number))
            self._close_study(delivery.study)

    def withdraw(self, destinations: Sequence[str]) -> int:
        """Give up the deliveries to destinations that are not in the settings any more; returns their number.

        Args:
            destinations: destinations of the settings.
        """
        with self._transaction() as base:
            rows = base.execute("SELECT id, study, destination FROM deliveries WHERE NOT done AND due < 1e18")
            gone = [(number, study) for number, study, place in rows.fetchall() if place not in destinations]
            query = "UPDATE deliveries SET due = ?, reason = ? WHERE id = ?"
            reason = "its destination is not in the settings any more"
            base.executemany(query, [(GIVEN_UP, reason, number) for number, _ in gone])
            for study in {study for _, study in gone}:
                self._close_study(study)
        return len(gone)

    def delivered_before(self, older: float) -> list[tuple[str, Path]]:
        """Studies, and folders of their results, that all destinations confirmed some time ago.

        Results that were sent nowhere are not among them: the folder has the only copy.

        Args:
            older: least age in seconds.
        """
        with self._lock:
            rows = self._base.execute(
                """SELECT uid, results FROM studies WHERE state = 'done' AND results != '' AND changed < ?
                   AND EXISTS (SELECT 1 FROM deliveries WHERE study = studies.uid)""",
                (time.time() - older,),
            ).fetchall()
        return [(uid, Path(results)) for uid, results in rows]

    def forget_results(self, study: str) -> None:
        """The results of a finished study were removed.

        Args:
            study: Study Instance UID.
        """
        with self._transaction() as base:
            base.execute("UPDATE studies SET results = '' WHERE uid = ? AND state = 'done'", (study,))

    def _retry_deliveries(self, destinations: Sequence[str]) -> int:
        """Send the results that were given up to the destinations that do not have them; in a transaction."""
        if not destinations:
            return 0
        studies = self._base.execute("SELECT uid FROM studies WHERE state = 'undelivered'").fetchall()
        self._base.executemany("DELETE FROM deliveries WHERE study = ? AND NOT done", studies)
        for place in destinations:
            self._base.executemany(
                """INSERT INTO deliveries (study, destination) SELECT :study, :place WHERE NOT EXISTS
                   (SELECT 1 FROM deliveries WHERE study = :study AND destination = :place)""",
                [{"study": study, "place": place} for (study,) in studies],
            )
        self._base.executemany("UPDATE studies SET state = 'delivering' WHERE uid = ?", studies)
        for (study,) in studies:
            self._close_study(study)
        self._base.execute("UPDATE deliveries SET attempts = 0, due = 0 WHERE NOT done")
        return len(studies)

    def _close_study(self, study: str) -> None:
        """End the delivery of a study of which nothing is left to try."""
        query = "SELECT COUNT(*), SUM(due > 1e18), MAX(reason) FROM deliveries WHERE study = ? AND NOT done"
        left, given_up, reason = self._base.execute(query, (study,)).fetchone()
        if left == (given_up or 0):
            self._base.execute(
                "UPDATE studies SET state = ?, reason = ?, changed = ? WHERE uid = ? AND state = 'delivering'",
                ("undelivered" if left else "done", reason or "", time.time(), study),
            )
