from __future__ import annotations

import runpy
import shutil
import sys

import pytest

from common.errors import InputError


@pytest.fixture
def model_card(project, tmp_path, monkeypatch):
    """Run the script on copies of the bundles."""
    shutil.copytree(
        project / "bundles/liver_cgc", tmp_path / "liver_cgc", ignore=shutil.ignore_patterns("outputs", "*.pt")
    )
    monkeypatch.setattr("common.bundle_root", lambda name: str(tmp_path / name))

    def model_card(bundle: str) -> None:
        script = str(project / "scripts/model_card.py")
        monkeypatch.setattr(sys, "argv", [script, bundle])
        runpy.run_path(script, run_name="__main__")

    return model_card


def test_a_card_that_has_drifted_is_rendered_anew_and_nothing_else(model_card, project, tmp_path, capsys):
    page = tmp_path / "liver_cgc/docs/reference.md"
    right = page.read_text()
    page.write_text(right.replace("### Failure modes", "### Old words"))
    model_card("liver_cgc")
    assert page.read_text() == right == (project / "bundles/liver_cgc/docs/reference.md").read_text()
    assert capsys.readouterr().out == f"{page}\n"


def test_an_unknown_bundle_is_refused(model_card):
    with pytest.raises(InputError, match="livercgc: no such bundle"):
        model_card("livercgc")
