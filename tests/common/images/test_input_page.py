"""docs/input.md agrees with the code."""

from __future__ import annotations

import importlib.util

import pytest


@pytest.fixture
def generator(project):
    spec = importlib.util.spec_from_file_location("input_page", project / "docs" / "input.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_page_lists_the_cases_of_the_tests(generator):
    assert generator.PAGE.read_text(encoding="utf-8") == generator.page(), "run: python docs/input.py"


@pytest.mark.slow
def test_the_page_says_what_happens_to_each_real_file(generator, shared_data):
    root = shared_data / "awkward"
    assert generator.page(root) == generator.PAGE.read_text(encoding="utf-8"), f"run: python docs/input.py {root}"
