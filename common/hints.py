"""Hints at misspelt names."""

from __future__ import annotations

import difflib
from collections.abc import Collection, Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar

__all__ = ["did_you_mean", "own_options", "unknown_options"]

_NEAR = 0.65  # of difflib: size is near box_size (0.67), and modality is not near datalist (0.63)
_own_options: ContextVar[tuple[str, ...]] = ContextVar("own_options", default=())


def did_you_mean(name: str, known: Iterable[str], otherwise: str, prefix: str = "", suffix: str = "") -> str:
    """The end of a message that refuses a name: the nearest one that exists.

    Args:
        name: name that does not exist.
        known: names that exist.
        otherwise: the end where none of them is near.
        prefix: what is shown before the nearest one.
        suffix: what is shown after it.

    Example:
        >>> did_you_mean("max_epoch", ["batch_size", "max_epochs"], "see --help")
        'did you mean max_epochs?'
    """
    near = difflib.get_close_matches(name, list(known), n=1, cutoff=_NEAR)
    return f"did you mean {prefix}{near[0]}{suffix}?" if near else otherwise


@contextmanager
def own_options(names: Iterable[str]) -> Iterator[None]:
    """Let hints know the options of the command that runs, beside ids of configs.

    Args:
        names: names of the options.
    """
    token = _own_options.set(tuple(names))
    try:
        yield
    finally:
        _own_options.reset(token)


def unknown_options(names: Iterable[str], ids: Collection[str], owner: str, prefix: str = "--") -> list[str]:
    """A line for each option that was taken for an id of a config and is none.

    Args:
        names: names of the options; a part of a component has ``#`` after the id.
        ids: ids of the configs.
        owner: name of the configs.
        prefix: what is typed before a name: ``--``, or an option that takes ids, such as ``--train`` with a blank.

    Example:
        >>> unknown_options(["max_epoch", "fold"], ["fold", "max_epochs"], "train.yaml")
        ['--max_epoch: neither this command nor train.yaml has this option; did you mean max_epochs?']
    """
    own = _own_options.get() if prefix == "--" else ()
    return [
        f"{prefix}{name}: neither this command nor {owner} has this option; "
        f"{did_you_mean(name.partition('#')[0], [*own, *ids], '--help lists the options')}"
        for name in names
        if name.split("#")[0] not in ids
    ]
