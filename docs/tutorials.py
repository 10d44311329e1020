"""The tutorials: notebooks from their pages, run, and the pictures of the pages.

Run: .venv/bin/python docs/tutorials.py [name...], after bash scripts/install.sh radiomics deploy tutorials. A real
cohort is named in the variable that the page describes, such as BUSI=path/to/busi.
"""

from __future__ import annotations

import base64
import os
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

FOLDER = Path(__file__).resolve().parent / "tutorials"
PAGES = {page.stem: page for page in sorted(FOLDER.glob("*.md"))}
_PICTURE = re.compile(r"^!\[.*\]\((\w+\.(?:png|jpg))\)$", re.MULTILINE)
_KINDS = {"image/png": "png", "image/jpeg": "jpg"}


def pictures(page: Path) -> list[str]:
    """Names of the pictures of a page, in its order."""
    return _PICTURE.findall(page.read_text(encoding="utf-8"))


def notebook(page: Path) -> Any:
    """The page as a notebook: its blocks of Python are cells, and its pictures are left to them."""
    import jupytext

    text = _PICTURE.sub("", page.read_text(encoding="utf-8"))
    found = jupytext.reads(re.sub(r"\n{3,}", "\n\n", text), fmt="md")
    for number, cell in enumerate(found.cells):
        cell.id = f"cell-{number}"  # the same notebook is the same file
    kernel = {"name": "python3", "display_name": "Python 3", "language": "python"}
    found.metadata = {"kernelspec": kernel, "language_info": {"name": "python"}}
    return found


def as_text(page: Path) -> str:
    """Content of the notebook's file."""
    import nbformat

    return nbformat.writes(notebook(page)) + "\n"


def execute(pages: list[Path], folder: Path) -> Iterator[tuple[Path, Any]]:
    """Run notebooks one after the other in one kernel, whose imports take longer than they.

    Args:
        pages: pages of the notebooks.
        folder: folder in which they run.
    """
    from jupyter_client.manager import KernelManager
    from nbclient import NotebookClient

    manager = KernelManager()
    os.environ.setdefault("PYTHONWARNINGS", "ignore")
    manager.start_kernel(cwd=str(folder))
    try:
        for page in pages:
            found = notebook(page)
            client = NotebookClient(found, km=manager, timeout=1200)
            client.create_kernel_manager = lambda: None  # keep this one
            client.execute()
            yield page, found
    finally:
        manager.shutdown_kernel(now=True)


def shown(executed: Any) -> list[tuple[str, bytes]]:
    """Pictures that a notebook shows: ending of the file and content."""
    found = []
    for cell in executed.cells:
        for output in cell.get("outputs", ()):
            for kind, ending in _KINDS.items():
                if kind in output.get("data", {}):
                    found.append((ending, base64.b64decode(output["data"][kind])))
    return found


def main(names: list[str]) -> None:
    """Write the notebooks without outputs, run them, and write the pictures of the pages."""
    pages = [PAGES[name] for name in names or PAGES]
    for page in pages:
        page.with_suffix(".ipynb").write_text(as_text(page), encoding="utf-8")
    with TemporaryDirectory() as folder:
        for page, executed in execute(pages, Path(folder)):
            for name, (_, content) in zip(pictures(page), shown(executed), strict=True):
                (FOLDER / name).write_bytes(content)
            print(f"{page}: {len(pictures(page))} pictures")


if __name__ == "__main__":
    main(sys.argv[1:])
