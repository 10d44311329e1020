"""Write the tables of docs/papers.md from the bundles' paper.yaml: ``python docs/papers.py``."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(PROJECT))

from common.reproduce.paper import Exhibit, Paper  # noqa: E402

BUNDLES = ("siam3d_imbalance", "liver_cgc", "mlsscl_3d", "radiomics_deep_contrast")
BEGIN, END = "<!-- from paper.yaml, by docs/papers.py -->", "<!-- end -->"


def page(text: str) -> str:
    """The page with its tables written anew."""
    before, rest = text.split(BEGIN)
    return before + "\n".join([BEGIN, *_sections(), END]) + rest.split(END)[1]


def _sections() -> Iterator[str]:
    for bundle in BUNDLES:
        paper = Paper.of(bundle)
        yield from ("", f"## {bundle}", "", f"{paper.reference}.", "")
        yield "| what | command | the paper's protocol | what differs here, and why |"
        yield "|---|---|---|---|"
        for exhibit in paper.exhibits.values():
            cells = [f"{exhibit.key.capitalize()}: {exhibit.title}", _command(bundle, exhibit)]
            cells += [_line(exhibit.protocol), _line(exhibit.differs)]
            yield f"| {' | '.join(cells)} |"
    yield ""


def _line(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")


def _command(bundle: str, exhibit: Exhibit) -> str:
    choice = f" --cohort {'|'.join(exhibit.cohorts)}".replace("|", "\\|") if len(exhibit.cohorts) > 1 else ""
    return f"`scripts/reproduce.py {bundle} {exhibit.option} --dataset_dir D --output_dir O{choice}`"


if __name__ == "__main__":
    path = PROJECT / "docs/papers.md"
    path.write_text(page(path.read_text(encoding="utf-8")), encoding="utf-8")
