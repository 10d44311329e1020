"""Commands of this project as a user types them, in a checkout and where it is installed without one."""

from __future__ import annotations

from pathlib import Path

__all__ = ["command_of"]

SCRIPTS = Path(__file__).resolve().parent.parent / "scripts"


def command_of(name: str) -> str:
    """The beginning of a command line.

    Args:
        name: name of a script without its suffix, such as ``study``.

    Returns:
        ``python scripts/study.py`` in a checkout, otherwise ``clinical-ssl study``.
    """
    return f"python scripts/{name}.py" if (SCRIPTS / f"{name}.py").is_file() else f"clinical-ssl {name}"
