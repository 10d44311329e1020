"""Which modules of this package are needed for some of its names, and the packages' ``__init__`` cut to these."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator
from pathlib import Path

from ...errors import InputError

__all__ = ["needed_modules"]

SOURCE = Path(__file__).resolve().parents[2]


def needed_modules(names: Iterable[str]) -> dict[Path, str]:
    """Modules that some names need, and what these import in turn, relative to the package and to themselves.

    A package's ``__init__`` imports all that the package offers. Here it imports what is needed.

    Args:
        names: dotted, without the package's own: ``networks.load_weights``.

    Returns:
        The source of each module by its path below the package's folder, sorted.

    Raises:
        InputError: there is no such name.
    """
    walk = _Walk()
    walk.offer(SOURCE, set())
    for name in names:
        walk.find(name)
    sources = {
        path: _cut(path, offered) if offered is not None else _read(path) for path, offered in walk.found.items()
    }
    return {path.relative_to(SOURCE): sources[path] for path in sorted(sources)}


class _Walk:
    """The modules found so far; of an ``__init__`` the names that it must offer, of others ``None``."""

    def __init__(self) -> None:
        self.found: dict[Path, set[str] | None] = {}

    def find(self, name: str) -> None:
        folder, parts = SOURCE, name.split(".")
        while parts and (folder / parts[0] / "__init__.py").is_file():
            folder = folder / parts.pop(0)
            self.offer(folder, set())
        if parts:
            self.need(folder, parts[0], name)

    def need(self, folder: Path, name: str, asked: str) -> None:
        """What a package's ``__init__`` calls so, or a module of it; as Python, which looks in this order."""
        if name in _offered(folder / "__init__.py"):
            self.offer(folder, {name})
        elif (folder / f"{name}.py").is_file():
            self.module(folder / f"{name}.py")
        elif (folder / name / "__init__.py").is_file():
            self.offer(folder / name, set())
        else:
            raise InputError(f"{asked}: no such name in {SOURCE.name}; expected one that it offers; correct the config")

    def module(self, path: Path) -> None:
        if path not in self.found:
            self.found[path] = None
            self.offer(path.parent, set())
            for node in ast.walk(ast.parse(_read(path))):
                self.follow(node, path)

    def offer(self, folder: Path, names: set[str]) -> None:
        """A package, with these names."""
        path = folder / "__init__.py"
        if path not in self.found and folder != SOURCE:
            self.offer(folder.parent, set())
        new = names - (self.found.get(path) or set())
        if path not in self.found:  # what its own functions use
            new |= {node.id for node in ast.walk(ast.parse(_read(path))) if isinstance(node, ast.Name)}
        self.found[path] = (self.found.get(path) or set()) | new
        for node in ast.walk(ast.parse(_read(path))) if new else ():
            self.follow(node, path, new)

    def follow(self, node: ast.AST, path: Path, only: set[str] | None = None) -> None:
        if isinstance(node, ast.ImportFrom) and node.level:
            folder = path.parents[node.level - 1].joinpath(*(node.module or "").split("."))
            for alias in node.names:
                if only is not None and (alias.asname or alias.name) not in only:
                    continue
                if folder.is_dir():
                    self.need(folder, alias.name, f"{path.relative_to(SOURCE)}: {alias.name}")
                else:
                    self.module(folder.with_name(f"{folder.name}.py"))


def _offered(path: Path) -> set[str]:
    """Names at the top of a module, but for modules."""
    return set(_names(ast.parse(_read(path)).body))


def _names(body: Iterable[ast.stmt]) -> Iterator[str]:
    for node in body:
        if isinstance(node, ast.If):  # lazy exports
            yield from _names(node.body)
        elif isinstance(node, ast.FunctionDef | ast.ClassDef):
            yield node.name
        elif isinstance(node, ast.Import) or (isinstance(node, ast.ImportFrom) and node.module):
            yield from (alias.asname or alias.name for alias in node.names)
        elif isinstance(node, ast.Assign):
            yield from (target.id for target in node.targets if isinstance(target, ast.Name))


def _cut(path: Path, offered: set[str]) -> str:
    """The source of an ``__init__`` without what it imports for others than ``offered``."""
    source = _read(path)
    parts, names, listed = [], set(), set()
    for node in ast.parse(source).body:
        text = ast.get_source_segment(source, node)
        if isinstance(node, ast.If):  # lazy exports
            kept = [_kept(each, offered) for each in node.body]
            node.body = [each for each in kept if each.names] or [ast.Pass()]
            text = ast.unparse(node)
        elif isinstance(node, ast.ImportFrom) and node.level:
            node = _kept(node, offered)
            if not node.names:
                continue
            text = ast.unparse(node)
        elif isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "__all__":
            listed = set(ast.literal_eval(node.value))
            continue
        names |= set(_names([node]))
        parts.append(text)
    return "\n".join([*parts, f"__all__ = {sorted(names & listed)}"]) + "\n"


def _kept(node: ast.ImportFrom, offered: set[str]) -> ast.ImportFrom:
    return ast.ImportFrom(
        node.module, [alias for alias in node.names if (alias.asname or alias.name) in offered], node.level
    )


def _read(path: Path) -> str:
    return path.read_text(encoding="utf-8")
