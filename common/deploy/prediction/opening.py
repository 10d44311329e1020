"""Errors of an archive's files while it is opened, as one line."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from ...errors import InputError, one_line, root_cause
from ...programs import command_of

__all__ = ["brief_opening"]


@contextmanager
def brief_opening(name: str, kind: str) -> Iterator[None]:
    """Replace errors of unusable files, of which MONAI and torch raise arbitrary ones, by one line.

    Args:
        name: name of the archive or bundle.
        kind: kind of network that is expected in it.

    Raises:
        InputError: any error within the context.
    """
    try:
        yield
    except InputError:
        raise
    except Exception as error:
        cause = root_cause(error)
        if isinstance(cause, InputError):  # wrapped by MONAI
            raise cause from error
        found = f"{type(cause).__name__}: {one_line(cause)}"
        remedy = "expected inference.json, metadata.json and TorchScript that belong together; package them again"
        raise InputError(f"{name}: no {kind} ({found}); {remedy} ({command_of('package')})") from error
