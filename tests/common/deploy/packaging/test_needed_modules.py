from __future__ import annotations

import ast

import pytest

from common import InputError
from common.deploy.packaging.needed_modules import needed_modules


def names(*wanted: str) -> set[str]:
    return {path.as_posix() for path in needed_modules(wanted)}


def test_a_name_brings_its_module_what_that_imports_and_the_packages_round_both():
    assert names("networks.load_weights") == {"__init__.py", "errors.py", "networks/__init__.py", "networks/weights.py"}
    assert "radiomics/__init__.py" not in names("networks.load_weights", "losses.NegativeCosineLoss")


def test_a_package_offers_what_is_needed_of_it_alone():
    source = next(
        text for path, text in needed_modules(["networks.EncoderClassifier"]).items() if "networks" in path.parts
    )
    found = [
        alias.name for node in ast.walk(ast.parse(source)) if isinstance(node, ast.ImportFrom) for alias in node.names
    ]
    assert found == ["EncoderClassifier"] and "__all__ = ['EncoderClassifier']" in source


def test_a_lazy_export_is_kept_and_the_others_are_cut():
    sources = {path.as_posix(): text for path, text in needed_modules(["data.class_names"]).items()}
    assert "from .datalist_classes import class_names" in sources["data/__init__.py"]
    assert "assign_folds" not in sources["data/__init__.py"]
    assert {"data/datalist_classes.py", "lazy.py"} <= sources.keys() and "data/folds.py" not in sources


def test_imports_inside_functions_come_too():
    # evaluation's report imports its figures' modules at the top, radiomics' workers inside of functions
    with_radiomics = names("radiomics.attach_radiomics")
    assert {"radiomics/features.py", "radiomics/engine.py"} <= with_radiomics


def test_a_method_of_a_class_in_a_module_is_found():
    assert "radiomics/scaling.py" in names("radiomics.scaling.FittedScaling.load")


@pytest.mark.parametrize("name", ["networks.Nothing", "nothing", "nothing.at.all"])
def test_a_name_that_there_is_not_is_told(name):
    with pytest.raises(InputError, match=f"{name}: no such name in common"):
        needed_modules([name])
