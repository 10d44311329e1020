"""Counted things in messages."""

from __future__ import annotations

__all__ = ["counted"]


def counted(number: int, noun: str) -> str:
    """A number with its noun, in the plural unless it is 1.

    Example:
        >>> counted(1, "subject"), counted(0, "subject")
        ('1 subject', '0 subjects')
    """
    return f"{number} {noun}{'' if number == 1 else 's'}"
