"""A quiet terminal: all that libraries print and log goes to a file, at the level of file descriptors."""

from __future__ import annotations

import logging
import os
import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO

__all__ = ["bar_stream", "logged", "quiet", "without_arguments"]

MOST_WARNINGS = 10
_WARNING = re.compile(rb"^\d\d:\d\d:\d\d WARNING (common\..*)$", re.MULTILINE)
_terminals: list[TextIO] = []  # of commands whose output goes to a log


@contextmanager
def logged(log: Path) -> Iterator[None]:
    """Run a command whose progress bar is all that the terminal shows, see :func:`bar_stream`, and then its warnings.

    Args:
        log: file to whose end all other output is added; its folder is created.
    """
    print(f"Log: {log}", file=sys.stderr)
    log.parent.mkdir(parents=True, exist_ok=True)
    log.touch()
    begin = log.stat().st_size
    try:
        with quiet(log) as terminal:
            _terminals.append(terminal)
            try:
                yield
            finally:
                _terminals.remove(terminal)
    finally:
        found = list(dict.fromkeys(_WARNING.findall(log.read_bytes()[begin:])))
        for message in found[:MOST_WARNINGS]:
            print(f"warning: {message.partition(b': ')[2].decode(errors='replace')}", file=sys.stderr)
        if len(found) > MOST_WARNINGS:
            print(f"{len(found) - MOST_WARNINGS} more warnings are in {log}", file=sys.stderr)


def bar_stream() -> TextIO | None:
    """Stream for a progress bar: the terminal of :func:`logged`; ``None`` elsewhere, which is the standard error."""
    return _terminals[-1] if _terminals else None


@contextmanager
def quiet(log: Path) -> Iterator[TextIO]:
    """Send standard output and standard error, those of child processes too, to the end of a file.

    Args:
        log: file of the log; its folder is created.

    Yields:
        The terminal, for the bar.
    """
    log.parent.mkdir(parents=True, exist_ok=True)
    _flush()
    saved = os.dup(1), os.dup(2)
    terminal = os.fdopen(os.dup(2), "w", buffering=1, encoding="utf-8", errors="replace")
    kept = sys.stdout, sys.stderr, list(logging.root.handlers)
    try:
        with open(log, "ab") as file:
            os.dup2(file.fileno(), 1)
            os.dup2(file.fileno(), 2)
        # Also where the streams of this process are no file descriptors. Never closed: handlers of libraries keep it,
        # and it always writes to the descriptor, so into the log of a later step as well.
        stream = os.fdopen(1, "w", buffering=1, encoding="utf-8", errors="replace", closefd=False)
        sys.stdout = sys.stderr = stream
        handler = logging.StreamHandler(stream)
        handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s: %(message)s", "%H:%M:%S"))
        logging.root.handlers = [handler]
        yield terminal
        _flush()
    finally:
        sys.stdout, sys.stderr, logging.root.handlers = kept
        for target, descriptor in enumerate(saved, 1):
            os.dup2(descriptor, target)
            os.close(descriptor)
        terminal.close()


@contextmanager
def without_arguments() -> Iterator[None]:
    """Hide the options of this process: those of a study are in its plan, and are none of the configs that it runs.

    A checkpoint is refused where an option on the command line contradicts its record, see
    :func:`~common.as_trained.agreed_settings`; the options of a study are meant for other configs than the one that
    reads the checkpoint.
    """
    kept = sys.argv
    sys.argv = kept[:1]
    try:
        yield
    finally:
        sys.argv = kept


def _flush() -> None:
    for stream in (sys.stdout, sys.stderr):
        stream.flush()
