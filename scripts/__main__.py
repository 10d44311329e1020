"""All commands as one, installed as clinical-ssl: clinical-ssl study ... is scripts/study.py ..."""

from __future__ import annotations

import ast
import sys
from collections.abc import Sequence
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path

__all__ = ["main"]

FOLDER = Path(__file__).resolve().parent
NAME = "clinical-ssl"


def main(words: Sequence[str] | None = None) -> None:
    """Run the command that the first word names, as if its file were started.

    Args:
        words: command line without the program's name; default: the process's. ``make-datalist`` is ``make_datalist``.
    """
    words = list(sys.argv[1:] if words is None else words)
    commands = {path.stem: path for path in sorted(FOLDER.glob("[!_]*.py"))}
    if words[:1] in (["-h"], ["--help"], ["help"]) or not words:
        print(_help(commands))
        return
    name = words[0].replace("-", "_")
    if name not in commands:
        print(f"error: found {words[0]}, expected one of {', '.join(commands)}; see: {NAME} --help", file=sys.stderr)
        raise SystemExit(2)
    sys.argv = [f"{NAME} {name}", *words[1:]]
    spec = spec_from_file_location("__main__", commands[name])
    assert spec is not None and spec.loader is not None
    spec.loader.exec_module(module_from_spec(spec))


def _help(commands: dict[str, Path]) -> str:
    """The usage, and a line for each command: the first of its file."""
    width = max(map(len, commands))
    lines = [f"Usage: {NAME} COMMAND ...", "", "From a cohort to a report, a model and its users.", ""]
    for name, path in commands.items():
        about = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or ""
        lines.append(f"  {name:{width}}  {about.splitlines()[0] if about else ''}")
    lines += ["", f"Options of a command: {NAME} COMMAND --help. In a checkout: python scripts/COMMAND.py"]
    return "\n".join(lines)


if __name__ == "__main__":
    main()
