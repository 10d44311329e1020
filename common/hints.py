"""Hints at misspelt names."""

from __future__ import annotations

import difflib
from collections.abc import Iterable

__all__ = ["did_you_mean"]


def did_you_mean(name: str, known: Iterable[str], otherwise: str) -> str:
    """The end of a message that refuses a name: the nearest one that exists.

    Args:
        name: name that does not exist.
        known: names that exist.
        otherwise: the end where none of them is near.

    Example:
        >>> did_you_mean("max_epoch", ["batch_size", "max_epochs"], "see --help")
        'did you mean max_epochs?'
    """
    near = difflib.get_close_matches(name, list(known), n=1)
    return f"did you mean {near[0]}?" if near else otherwise
