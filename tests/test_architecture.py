"""The packages of ``common`` in CONTRIBUTING: each imports only from those above it."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from graphlib import TopologicalSorter
from pathlib import Path, PurePath

import pytest

PROJECT = Path(__file__).resolve().parents[1]
PACKAGE = PROJECT / "common"
MODULES = sorted(path.relative_to(PACKAGE) for path in PACKAGE.rglob("*.py"))


@pytest.fixture(scope="module")
def packages() -> list[str]:
    """Packages in the order of CONTRIBUTING's layout; ``.`` for the modules of ``common`` itself."""
    layout = (PROJECT / "CONTRIBUTING.md").read_text(encoding="utf-8").split("common/", 1)[1].split("scripts/", 1)[0]
    return [".", *re.findall(r"^    ([a-z_/]+)/ ", layout, re.MULTILINE)]


def package_of(module: PurePath, packages: list[str]) -> str:
    """The innermost listed package that holds a module."""
    return next(str(folder) for folder in module.parents if str(folder) in packages)


def imported(module: PurePath) -> Iterator[PurePath]:
    """Modules that a module imports by a relative import, in functions too."""
    for node in ast.walk(ast.parse((PACKAGE / module).read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.level:
            base = module.parents[node.level - 1].joinpath(*(node.module or "").split("."))
            for name in node.names:
                inner = [base / f"{name.name}.py", base / name.name / "__init__.py"]
                outer = [base / "__init__.py", base.parent / f"{base.name}.py"]
                yield next(path for path in [*inner, *outer] if (PACKAGE / path).is_file())


def test_every_package_is_in_the_layout_and_every_listed_one_exists(packages):
    folders = {str(module.parent) for module in MODULES}
    assert set(packages) <= folders
    assert {folder.split("/")[0] for folder in folders} <= {package.split("/")[0] for package in packages}


def test_each_package_imports_only_from_packages_above_it(packages):
    wrong = []
    for module in MODULES:
        package = package_of(module, packages)
        for other in imported(module):
            # a package offers the names of those in it
            exported = module.name == "__init__.py" and module.parent in other.parents
            if not exported and packages.index(package_of(other, packages)) > packages.index(package):
                wrong.append(f"{module} imports {other}")
    assert wrong == []


def test_no_modules_import_each_other_in_a_circle():
    """Not even by way of the packages around them, or with an import put off into a function."""
    graph = {}
    for module in MODULES:
        needed = set(imported(module))
        around = {parent / "__init__.py" for other in needed for parent in other.parents}
        graph[module] = {path for path in needed | around if path.parent not in module.parents or path in needed} - {
            module
        }
    TopologicalSorter(graph).prepare()


def test_the_package_imports_nothing_of_the_repository_but_itself():
    for module in MODULES:
        for node in ast.walk(ast.parse((PACKAGE / module).read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import | ast.ImportFrom) and not getattr(node, "level", 0):
                names = [node.module] if isinstance(node, ast.ImportFrom) else [name.name for name in node.names]
                top = {str(name).partition(".")[0] for name in names}
                assert not top & {"bundles", "common", "scripts", "tests"}, f"{module}:{node.lineno}"
