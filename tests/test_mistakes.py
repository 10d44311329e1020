"""The page of mistakes says what happens."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path

import pytest

PROJECT = Path(__file__).resolve().parents[1]
_SPEC = importlib.util.spec_from_file_location("mistakes_page", PROJECT / "docs" / "mistakes.py")
mistakes = importlib.util.module_from_spec(_SPEC)
sys.modules[_SPEC.name] = mistakes  # which its dataclass looks up
_SPEC.loader.exec_module(mistakes)


@pytest.mark.parametrize("mistake", mistakes.MISTAKES, ids=lambda each: each.title)
def test_each_mistake_gives_one_line_for_the_whole_cohort_and_the_page_has_it(mistake):
    section = mistakes.section(mistake)
    error = section.split("error: ")[1].split("\n```")[0]
    assert len(error.splitlines()) - error.splitlines()[0].endswith("1 problem") == 1
    assert section in mistakes.PAGE.read_text(encoding="utf-8"), "run: python docs/mistakes.py"


@pytest.mark.parametrize("mistake", mistakes.MISTAKES, ids=lambda each: each.title)
def test_the_remedy_as_it_is_printed_corrects_the_mistake(mistake, tmp_path):
    if "radiomics_deep_contrast" in mistake.command:
        pytest.importorskip("radiomics", reason="PyRadiomics is not installed: bash scripts/install.sh radiomics")
    mistakes.write_cohort(tmp_path)
    mistake.change(tmp_path)
    mistakes.correct(mistake, tmp_path)


def test_the_page_has_no_other_sections():
    text = mistakes.PAGE.read_text(encoding="utf-8")
    assert [line[3:] for line in text.splitlines() if line.startswith("## ")] == [m.title for m in mistakes.MISTAKES]
