"""Counted things in messages."""

from __future__ import annotations

__all__ = ["class_count", "class_name", "counted"]


def class_name(name: str) -> str:
    """A class for messages: ``class 2`` where its name is a number."""
    return f"class {name}" if name[:1].isdecimal() else name


def class_count(number: int, name: str) -> str:
    """A number with the name of a class, which may be a number itself.

    Example:
        >>> class_count(33, "benign"), class_count(33, "2")
        ('33 benign', '33 of class 2')
    """
    return f"{number} {'of ' * (class_name(name) != name)}{class_name(name)}"


def counted(number: int, noun: str) -> str:
    """A number with its noun, in the plural unless it is 1.

    Example:
        >>> counted(1, "subject"), counted(0, "subject")
        ('1 subject', '0 subjects')
    """
    return f"{number} {noun}{'' if number == 1 else 's'}"
