"""Errors that a user can correct, as one line instead of a traceback."""

from __future__ import annotations

import errno
import logging
import os
import re
import sys
from collections.abc import Sequence
from types import TracebackType
from typing import Any

__all__ = ["InputError", "OptionError", "brief_input_errors", "disk_problem", "flag", "one_line", "root_cause"]

TRACEBACK_VARIABLE = "BUNDLE_TRACEBACK"
_ENGINES = tuple(f"{os.sep}{package}{os.sep}" for package in ("ignite", "monai"))  # whose handlers log errors and raise
_PLACES = (errno.ENOENT, errno.EEXIST, errno.ENOTDIR, errno.EISDIR, errno.ELOOP, errno.ENAMETOOLONG)
#: What NumPy, PyTorch, safetensors and SQLite say where a disk is full.
_WITHOUT_NUMBER = re.compile(
    r"^\d+ requested and \d+ written$|unexpected pos \d+ vs|PytorchStreamWriter failed|No space left on device|"
    r"disk is full"
)
_LONGEST = 300  # characters of a path in a message
_NEVER = -1  # a level below that of all handlers


class InputError(ValueError):
    """Invalid input: the message has the file, the field, the found and the expected value, and the remedy.

    File names and header texts may contain terminal control sequences, which are escaped.

    Attributes:
        exit_code: exit code of a process that ends with this error.

    Example:
        >>> raise InputError("a.json: no row has 'fold'; expected an integer in each; run make_datalist.py")
        Traceback (most recent call last):
        ...
        common.errors.InputError: a.json: no row has 'fold'; expected an integer in each; run make_datalist.py
    """

    exit_code = 1

    def __init__(self, message: str = "") -> None:
        text = str(message)
        super().__init__("".join(char if char.isprintable() or char == "\n" else ascii(char)[1:-1] for char in text))

    @classmethod
    def of_rows(cls, source: str, problems: Sequence[str]) -> InputError:
        """All invalid rows of one file in one message: a first line with the count, then a line for each row."""
        count = f"{len(problems)} problem{'s' if len(problems) != 1 else ''}"
        return cls("\n".join([f"{source}: {count}", *(f"  {problem}" for problem in problems)]))


class OptionError(InputError):
    """A command line with an unknown or a missing option."""

    exit_code = 2


def brief_input_errors() -> None:
    """Let an uncaught :class:`InputError` end the process with its message alone and its exit code.

    ``monai.bundle`` wraps errors of a component into several layers of ``RuntimeError``; only the innermost line is
    useful, and Ignite and MONAI log it with a traceback before they raise it again. All other exceptions keep their
    traceback, and ``BUNDLE_TRACEBACK=1`` shows it for these too.
    """
    previous = sys.excepthook

    def hook(kind: type[BaseException], error: BaseException, traceback: TracebackType | None) -> None:
        """Print one line, or the traceback as before."""
        cause = root_cause(error)
        line = str(cause) if isinstance(cause, InputError) else disk_problem(cause)
        if not line or os.environ.get(TRACEBACK_VARIABLE):
            previous(kind, error, traceback)
        else:
            print(f"error: {line}", file=sys.stderr)
            if isinstance(cause, InputError) and cause.exit_code != 1:
                raise SystemExit(cause.exit_code)

    if getattr(previous, "__module__", None) != __name__:
        sys.excepthook = hook
        _log_no_input_errors()


def _log_no_input_errors() -> None:
    """Keep errors that will end the process with one line out of the logs of Ignite and MONAI."""
    make = logging.getLogRecordFactory()

    def factory(*args: Any, **kwargs: Any) -> logging.LogRecord:
        """Make a record, whose level is below all others where its error ends in one line."""
        record, error = make(*args, **kwargs), sys.exc_info()[1]
        theirs = record.levelno >= logging.ERROR and any(name in record.pathname for name in _ENGINES)
        if theirs and error is not None and not os.environ.get(TRACEBACK_VARIABLE):
            record.levelno = _NEVER if isinstance(root_cause(error), InputError) else record.levelno
        return record

    logging.setLogRecordFactory(factory)


def disk_problem(error: BaseException) -> str:
    """One line for a full disk, or a file or folder that cannot be written.

    Args:
        error: exception of any type.

    Returns:
        File, problem and remedy; empty for other errors.
    """
    remedies = {
        errno.EFBIG: "raise the limit of a file's size (ulimit -f), then start the same command again",
        **dict.fromkeys((errno.ENOSPC, errno.EDQUOT), "free space, then start the same command again"),
        **dict.fromkeys(_PLACES, "name another file or folder"),
        **dict.fromkeys((errno.EACCES, errno.EPERM, errno.EROFS), "name another folder, or correct its permissions"),
    }
    if not (isinstance(error, OSError) and error.errno) and _WITHOUT_NUMBER.search(str(error)):
        error = OSError(errno.ENOSPC, f"not written completely ({os.strerror(errno.ENOSPC)}?)")
    if not isinstance(error, OSError) or error.errno not in remedies:
        return ""
    return str(InputError(f"{str(error.filename or 'output')[:_LONGEST]}: {error.strerror}; {remedies[error.errno]}"))


def root_cause(error: BaseException) -> BaseException:
    """The :class:`InputError` that caused an exception.

    Args:
        error: caught exception, such as the ``RuntimeError`` into which ``monai.bundle`` wraps all others.

    Returns:
        The outermost :class:`InputError` in the chain of causes and contexts; without one, the exception at the end of
        the ``raise ... from`` chain.
    """
    chain = [error]
    while (inner := chain[-1].__cause__ or chain[-1].__context__) is not None and inner not in chain:
        chain.append(inner)
    found = [cause for cause in chain if isinstance(cause, InputError)]
    return [*found, *(cause for cause in chain if cause.__cause__ is None), error][0]


def one_line(error: BaseException, limit: int = 200) -> str:
    """An exception's message as a part of a one-line message.

    Args:
        error: exception whose message may have several lines, or none.
        limit: largest number of characters, to which longer messages are cut.

    Returns:
        The message with single spaces; the name of the exception's type where the message is empty.
    """
    text = " ".join(str(error).split()) or type(error).__name__
    return text if len(text) <= limit else f"{text[: limit - 3]}..."


def flag(name: str, value: object) -> bool:
    """A boolean of a config, which MONAI's command line passes as text unless it is spelled as in Python.

    Args:
        name: name of the config id.
        value: boolean, or ``true`` or ``false`` with any capitalisation.

    Raises:
        InputError: the value is anything else.

    Example:
        >>> flag("amp", "false")
        False
    """
    known = {"true": True, "false": False}
    if str(value).lower() not in known:
        raise InputError(f"{name}: {value!r}; expected true or false; correct it")
    return known[str(value).lower()]
