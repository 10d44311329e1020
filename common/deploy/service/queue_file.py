"""The SQLite file of the queue: its tables, its version, and transactions that are on the disk when they end."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ...errors import InputError

__all__ = ["QueueFile"]

SCHEMA = """
CREATE TABLE IF NOT EXISTS studies (
    uid TEXT PRIMARY KEY, state TEXT NOT NULL, changed REAL NOT NULL, attempts INTEGER NOT NULL DEFAULT 0,
    crashes INTEGER NOT NULL DEFAULT 0, due REAL NOT NULL DEFAULT 0, reason TEXT NOT NULL DEFAULT '',
    results TEXT NOT NULL DEFAULT '');
CREATE TABLE IF NOT EXISTS instances (
    study TEXT, uid TEXT, digest TEXT, transfer TEXT, PRIMARY KEY (study, uid)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS transfers (
    study TEXT, transfer TEXT, complete INTEGER, PRIMARY KEY (study, transfer)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS deliveries (
    id INTEGER PRIMARY KEY AUTOINCREMENT, study TEXT, destination TEXT, done INTEGER NOT NULL DEFAULT 0,
    attempts INTEGER NOT NULL DEFAULT 0, due REAL NOT NULL DEFAULT 0, reason TEXT NOT NULL DEFAULT '');
CREATE INDEX IF NOT EXISTS by_study ON deliveries (study);
CREATE INDEX IF NOT EXISTS by_state ON studies (state, due);
CREATE INDEX IF NOT EXISTS by_transfer ON transfers (transfer);
"""
VERSION = 2
# Version 1 had one transfer for all associations of a sender.
FROM_VERSION_1 = "".join(f"ALTER TABLE {table} RENAME COLUMN peer TO transfer;" for table in ("instances", "transfers"))


class QueueFile:
    """SQLite file for the threads of one process.

    Args:
        path: SQLite file; created if missing.

    Raises:
        InputError: the file is no queue, or one of a newer version.
    """

    def __init__(self, path: Path) -> None:
        self._lock = threading.RLock()
        try:
            self._base = sqlite3.connect(path, check_same_thread=False, isolation_level=None)
            self._base.execute("PRAGMA journal_mode = WAL")
            self._base.execute("PRAGMA synchronous = FULL")
            (version,) = self._base.execute("PRAGMA user_version").fetchone()
            if version > VERSION:
                raise InputError(f"{path}: found version {version}, expected {VERSION}; use the release that wrote it")
            change = FROM_VERSION_1 if version == 1 else ""
            self._base.executescript(f"BEGIN; {change} {SCHEMA} PRAGMA user_version = {VERSION}; COMMIT;")
        except sqlite3.DatabaseError as error:
            raise InputError(
                f"{path}: found no usable queue ({error}), expected SQLite; move it away to start with an empty one"
            ) from None

    def close(self) -> None:
        """Close the file."""
        with self._lock:
            self._base.close()

    @contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        with self._lock:
            self._base.execute("BEGIN IMMEDIATE")
            try:
                yield self._base
            except BaseException:
                self._base.execute("ROLLBACK")
                raise
            self._base.execute("COMMIT")
