"""The tutorials run on the data that ship and on phantoms, and their pages and notebooks belong together."""

from __future__ import annotations

import importlib.util
import re
from pathlib import Path

import pytest

PROJECT = Path(__file__).resolve().parents[1]
_SPEC = importlib.util.spec_from_file_location("tutorials_page", PROJECT / "docs" / "tutorials.py")
tutorials = importlib.util.module_from_spec(_SPEC)
_SPEC.loader.exec_module(tutorials)
EACH = pytest.mark.parametrize("page", tutorials.PAGES.values(), ids=tutorials.PAGES)


def test_each_bundle_has_a_tutorial():
    assert sorted(tutorials.PAGES) == sorted(path.name for path in (PROJECT / "bundles").iterdir())


@EACH
def test_the_notebook_is_that_of_the_page(page):
    pytest.importorskip("jupytext", reason="jupytext is not installed: bash scripts/install.sh tutorials")
    assert page.with_suffix(".ipynb").read_text(encoding="utf-8") == tutorials.as_text(page), "run: docs/tutorials.py"


@EACH
def test_the_pictures_of_the_page_exist(page):
    assert tutorials.pictures(page)
    assert all((page.parent / name).is_file() for name in tutorials.pictures(page))


def briefly(notebook):
    """The same cells with one epoch in place of each number of epochs."""
    for cell in notebook.cells:
        cell.source, found = re.subn(r"(max_epochs(?:=|\": ))\d+", r"\g<1>1", cell.source)
        notebook.metadata["shortened"] = notebook.metadata.get("shortened", 0) + found
    assert notebook.metadata["shortened"]
    return notebook


@pytest.mark.slow
def test_the_notebooks_run_and_show_the_pictures_of_their_pages(tmp_path, monkeypatch):
    for name in ("jupytext", "nbclient", "ipykernel", "radiomics"):
        pytest.importorskip(name, reason=f"{name} is not installed: bash scripts/install.sh radiomics tutorials")
    for name in ("BUSI", "ADRENALMNIST3D", "LIDC_NODULES", "LIVER_DATALIST"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("LOKY_MAX_CPU_COUNT", "1")  # processes of their own would import everything again
    monkeypatch.setattr(tutorials, "notebook", lambda page, whole=tutorials.notebook: briefly(whole(page)))
    for page, executed in tutorials.execute(list(tutorials.PAGES.values()), tmp_path):
        endings = [ending for ending, _ in tutorials.shown(executed)]
        assert endings == [Path(name).suffix[1:] for name in tutorials.pictures(page)], page.name
