"""Errors that a user can mend, told in one line instead of a traceback."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from types import TracebackType

__all__ = ["InputError", "OptionError", "brief_input_errors", "flag"]

TRACEBACK_VARIABLE = "BUNDLE_TRACEBACK"


class InputError(ValueError):
    """Bad input: the message names file, field, what was found, what was expected and the remedy.

    Example:
        >>> raise InputError("a.json: no row has 'fold'; expected an integer in each; run make_datalist.py")
        Traceback (most recent call last):
        ...
        common.errors.InputError: a.json: no row has 'fold'; expected an integer in each; run make_datalist.py
    """

    @classmethod
    def of_rows(cls, source: str, problems: Sequence[str]) -> InputError:
        """All bad rows of one file in one message: a first line with the count, then a line for each row."""
        count = f"{len(problems)} problem{'s' if len(problems) != 1 else ''}"
        return cls("\n".join([f"{source}: {count}", *(f"  {problem}" for problem in problems)]))


class OptionError(InputError):
    """A command line with a word that is no option, or an option that is missing: the exit code is 2."""


def brief_input_errors() -> None:
    """Let an uncaught :class:`InputError` end the process with its message alone and exit code 1.

    ``monai.bundle`` wraps whatever a component raises into several layers of ``RuntimeError``; the reader wants the
    innermost line. All other exceptions keep their traceback, and ``BUNDLE_TRACEBACK=1`` shows it for these too.
    """
    previous = sys.excepthook

    def hook(kind: type[BaseException], error: BaseException, traceback: TracebackType | None) -> None:
        cause: BaseException | None = error
        while cause is not None and not isinstance(cause, InputError):
            cause = cause.__cause__ or cause.__context__
        if cause is None or os.environ.get(TRACEBACK_VARIABLE):
            previous(kind, error, traceback)
        else:
            print(f"error: {cause}", file=sys.stderr)

    if getattr(previous, "__module__", None) != __name__:
        sys.excepthook = hook


def flag(name: str, value: object) -> bool:
    """A yes-or-no value of a config, which the command line hands over as text when it is not spelled as in Python.

    Args:
        name: of the config's id.
        value: a bool, or ``true`` or ``false`` in any spelling of capitals.

    Raises:
        InputError: for anything else.

    Example:
        >>> flag("amp", "false")
        False
    """
    known = {"true": True, "false": False}
    if str(value).lower() not in known:
        raise InputError(f"{name}: {value!r}; expected true or false; correct it")
    return known[str(value).lower()]
