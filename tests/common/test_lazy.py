from __future__ import annotations

import ast
import subprocess
import sys
from importlib import import_module
from pathlib import Path

import pytest

import common

FOLDER = Path(common.__file__).parent
PACKAGES = [path.parent for path in sorted(FOLDER.rglob("__init__.py")) if "lazy_exports(" in path.read_text()]
NAMES = [".".join(path.relative_to(FOLDER.parent).parts) for path in PACKAGES]


@pytest.mark.parametrize("name", NAMES)
def test_every_export_of_a_package_can_be_imported_and_is_listed(name):
    package = import_module(name)
    imported = [
        alias.name
        for node in ast.walk(ast.parse(Path(package.__file__).read_text()))
        if isinstance(node, ast.ImportFrom) and node.level == 1
        for alias in node.names
    ]
    assert sorted(imported) == sorted(package.__all__)
    assert all(getattr(package, export) is not None for export in package.__all__)


@pytest.mark.parametrize("folder", PACKAGES, ids=NAMES)
def test_no_export_has_the_name_of_a_module_beside_it(folder):
    modules = {path.stem for path in folder.iterdir()}
    assert not modules & set(import_module(".".join(folder.relative_to(FOLDER.parent).parts)).__all__)


def test_another_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match=r"^module 'common.data' has no attribute 'assign_fold'$"):
        import_module("common.data").assign_fold  # noqa: B018


def test_an_export_imports_its_module_and_nothing_heavy():
    code = "import sys; from common.data import assign_folds; print({'torch', 'monai', 'sklearn'} & sys.modules.keys())"
    done = subprocess.run([sys.executable, "-c", code], cwd=FOLDER.parent, capture_output=True, text=True, check=True)
    assert done.stdout == "set()\n"
