"""The service's queue: which studies have come, which are done, and what is still to be sent, in one SQLite file.

Each change is one transaction that is on the disk before the call returns, so a process that is killed at any time
finds after its restart what it had promised. A study goes through these states::

    receiving -> ready -> running -> delivering -> done
        |                    |            |
        +----> failed <------+            +-> undelivered

A new image of a study that is anywhere in this line puts it back to ``receiving``; an image that is known already
changes nothing, unless the study failed.
"""

from __future__ import annotations

import time
from collections.abc import Collection, Sequence
from pathlib import Path

from .delivery_queue import DeliveryQueue

__all__ = ["StudyQueue"]

STATES = ("receiving", "ready", "running", "delivering", "done", "undelivered", "failed")
# Whether all transfers in which a study's images came ended in good order; an image belongs to the last one it came in.
COMPLETE = "(SELECT MIN(complete) FROM instances JOIN transfers USING (study, transfer) WHERE study = studies.uid)"


class StudyQueue(DeliveryQueue):
    """Queue of studies on disk, for the threads of one process.

    Args:
        path: SQLite file; created if missing.

    Raises:
        InputError: the file is no queue, or one of a newer version.
    """

    # Receiving

    def is_known(self, study: str, instance: str, digest: str) -> bool:
        """Whether an image with this content has come before and needs nothing more.

        Args:
            study: Study Instance UID.
            instance: SOP Instance UID.
            digest: hash of the file.
        """
        query = """SELECT 1 FROM instances JOIN studies ON studies.uid = study WHERE study = ? AND instances.uid = ?
                   AND digest = ? AND state != 'failed' AND state != 'receiving'"""
        with self._lock:
            return self._base.execute(query, (study, instance, digest)).fetchone() is not None

    def add(self, study: str, instance: str, digest: str, transfer: str, complete: bool = False) -> None:
        """Add an image whose file is on disk, and put its study back to ``receiving``.

        Args:
            study: Study Instance UID.
            instance: SOP Instance UID.
            digest: hash of the file.
            transfer: name of the transfer, such as one association, in which it came.
            complete: whether the end of the transfer is not announced, as that of a folder.
        """
        with self._transaction() as base:
            base.execute("INSERT OR REPLACE INTO instances VALUES (?, ?, ?, ?)", (study, instance, digest, transfer))
            base.execute("INSERT OR REPLACE INTO transfers VALUES (?, ?, ?)", (study, transfer, int(complete)))
            base.execute(
                """INSERT INTO studies (uid, state, changed) VALUES (?, 'receiving', ?) ON CONFLICT (uid) DO UPDATE
                   SET state = 'receiving', changed = excluded.changed, attempts = 0, crashes = 0, due = 0,
                   reason = ''""",
                (study, time.time()),
            )

    def complete(self, transfer: str) -> None:
        """A transfer has ended in good order.

        Args:
            transfer: name of the transfer.
        """
        with self._transaction() as base:
            base.execute("UPDATE transfers SET complete = 1 WHERE transfer = ?", (transfer,))

    def settle(self, quiet: float, open_transfers: Collection[str] = ()) -> tuple[list[str], list[str]]:
        """Take the studies of which no image has come for some time.

        A study is complete if each of its images came in a transfer that ended in good order; those of one that broke
        off must come again.

        Args:
            quiet: least time in seconds since the last image.
            open_transfers: transfers that are under way, whose studies are left alone.

        Returns:
            Studies that are ``ready`` now, and those that ``failed`` as a sender broke off.
        """
        with self._transaction() as base:
            rows = base.execute(
                f"SELECT uid, {COMPLETE} FROM studies WHERE state = 'receiving' AND changed <= ?",
                (time.time() - quiet,),
            ).fetchall()
            marks = ", ".join("?" * len(open_transfers))
            query = f"SELECT DISTINCT study FROM transfers WHERE transfer IN ({marks})"
            busy = {uid for (uid,) in base.execute(query, (*open_transfers,))}
            rows = [(uid, whole) for uid, whole in rows if uid not in busy]
            ready, broken = [uid for uid, whole in rows if whole], [uid for uid, whole in rows if not whole]
            base.executemany("UPDATE studies SET state = 'ready' WHERE uid = ?", [(uid,) for uid in ready])
            reason = "the sender broke off before the end of its transfer; send the study again"
            base.executemany(
                "UPDATE studies SET state = 'failed', reason = ? WHERE uid = ?", [(reason, u) for u in broken]
            )
        return ready, broken

    # Prediction

    def take(self) -> tuple[str, int] | None:
        """The next study to predict, now ``running``, and the number of this attempt; ``None`` if none is due.

        A study that was tried before comes after those that were not: one that kills the process stops no other.
        """
        with self._transaction() as base:
            row = base.execute(
                """SELECT uid, attempts FROM studies WHERE state = 'ready' AND due <= ?
                   ORDER BY attempts, changed, uid LIMIT 1""",
                (time.time(),),
            ).fetchone()
            if row is None:
                return None
            base.execute("UPDATE studies SET state = 'running', attempts = attempts + 1 WHERE uid = ?", row[:1])
        return row[0], row[1] + 1

    def predicted(self, study: str, results: Path, destinations: Sequence[str]) -> bool:
        """The results of a running study are on disk.

        Args:
            study: Study Instance UID.
            results: folder of the results.
            destinations: destinations to which they are to be sent.

        Returns:
            Whether the study was still running; if not, more of its images have come and it will be predicted again.
        """
        with self._transaction() as base:
            state = "delivering" if destinations else "done"
            query = """UPDATE studies SET state = ?, results = ?, reason = '', changed = ?
                       WHERE uid = ? AND state = 'running'"""
            if not base.execute(query, (state, str(results), time.time(), study)).rowcount:
                return False
            base.execute("DELETE FROM deliveries WHERE study = ?", (study,))
            rows = [(study, destination) for destination in destinations]
            base.executemany("INSERT INTO deliveries (study, destination) VALUES (?, ?)", rows)
        return True

    def fail(self, study: str, reason: str, again: float | None = None) -> None:
        """A running study could not be predicted.

        Args:
            study: Study Instance UID.
            reason: one line, without a name of the patient.
            again: time in seconds after which it is tried again; ``None`` if that would not help.
        """
        state, due = ("failed", 0.0) if again is None else ("ready", time.time() + again)
        with self._transaction() as base:
            query = "UPDATE studies SET state = ?, reason = ?, due = ?, changed = ? WHERE uid = ? AND state = 'running'"
            base.execute(query, (state, reason, due, time.time(), study))

    def recover(self, crashes: int) -> tuple[list[str], list[str]]:
        """Put back what ran when the last process ended.

        Args:
            crashes: number of times that a study may end the process until it is given up.

        Returns:
            Studies that will be tried again, and those that were given up.
        """
        with self._transaction() as base:
            base.execute("UPDATE studies SET crashes = crashes + 1 WHERE state = 'running'")
            rows = base.execute("SELECT uid, crashes FROM studies WHERE state = 'running'").fetchall()
            again, given_up = [u for u, n in rows if n < crashes], [u for u, n in rows if n >= crashes]
            base.executemany("UPDATE studies SET state = 'ready' WHERE uid = ?", [(uid,) for uid in again])
            reason = f"the process ended {crashes} times while it predicted this study"
            base.executemany(
                "UPDATE studies SET state = 'failed', reason = ? WHERE uid = ?", [(reason, u) for u in given_up]
            )
            # senders whose connection broke have time to send again
            base.execute("UPDATE studies SET changed = ? WHERE state = 'receiving'", (time.time(),))
        return again, given_up

    def retry(self, destinations: Sequence[str]) -> int:
        """Try once more what was given up; returns the number of studies.

        Studies whose sender broke off wait for the sender, and those whose images were removed cannot be tried.

        Args:
            destinations: destinations of the settings; results go to those that do not have them.
        """
        with self._transaction() as base:
            count = self._retry_deliveries(destinations)
            query = f"""UPDATE studies SET state = 'ready', attempts = 0, crashes = 0, due = 0 WHERE state = 'failed'
                        AND {COMPLETE} = 1"""
            return count + base.execute(query).rowcount

    # Housekeeping

    def instances(self) -> set[tuple[str, str]]:
        """Study and SOP Instance UID of all images whose files are on disk."""
        with self._lock:
            return set(self._base.execute("SELECT study, uid FROM instances"))

    def forget(self, older: float, busy: Collection[str] = ()) -> list[str]:
        """Forget the images of studies that have been done for some time; their files can be removed then.

        Args:
            older: least age in seconds.
            busy: studies of which an image is being stored, which are left alone.

        Returns:
            The studies.
        """
        with self._transaction() as base:
            rows = base.execute(
                """SELECT uid FROM studies WHERE state IN ('done', 'failed') AND changed < ?
                   AND EXISTS (SELECT 1 FROM instances WHERE study = studies.uid)""",
                (time.time() - older,),
            ).fetchall()
            rows = [row for row in rows if row[0] not in busy]
            base.executemany("DELETE FROM instances WHERE study = ?", rows)
            base.executemany("DELETE FROM transfers WHERE study = ?", rows)
        return [uid for (uid,) in rows]

    def counts(self) -> dict[str, int]:
        """Number of studies in each state."""
        with self._lock:
            return dict.fromkeys(STATES, 0) | dict(
                self._base.execute("SELECT state, COUNT(*) FROM studies GROUP BY state").fetchall()
            )

    def oldest_waiting(self) -> float:
        """Time in seconds for which the oldest ready study has waited; 0 if none waits."""
        with self._lock:
            (since,) = self._base.execute("SELECT MIN(changed) FROM studies WHERE state = 'ready'").fetchone()
        return 0.0 if since is None else max(0.0, time.time() - since)

    def problems(self, limit: int = 100) -> list[tuple[str, str, str]]:
        """UID, state and reason of the studies that failed or could not be delivered, the newest first.

        Args:
            limit: largest number of studies.
        """
        with self._lock:
            return self._base.execute(
                """SELECT uid, state, reason FROM studies WHERE state IN ('failed', 'undelivered')
                   ORDER BY changed DESC LIMIT ?""",
                (limit,),
            ).fetchall()
