"""Outcomes of a command that predicts, each with an exit code of its own, for a scheduler that reads it."""

from __future__ import annotations

from ...errors import InputError

__all__ = ["ArchiveError", "FailedStudiesError", "NoStudiesError"]


class NoStudiesError(InputError):
    """The folder holds no study, which is no fault of an inbox."""

    exit_code = 3


class FailedStudiesError(InputError):
    """At least one study could not be predicted; the results of the others are written."""

    exit_code = 4


class ArchiveError(InputError):
    """The archive was refused, or does not work with the rules, the key or the device that were given."""

    exit_code = 5
