"""Tables and figures of the papers, run to their pages on phantoms, and what a reader must find there."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
from PIL import Image

from common.csv_text import original_cell
from common.reproduce import Paper, Reproduction
from common.reproduce.complexity import LAYER_COSTS
from common.reproduce.paper import Exhibit

#: Options of every exhibit; each stage trains for one epoch.
SHORTEST: dict[str, Any] = {
    "budget": "short",
    "device": "cpu",
    "quiet": True,
    "pretrain": {"max_epochs": 1},
    "train": {"max_epochs": 1},
}


@dataclass(frozen=True)
class Page:
    """A finished exhibit.

    Args:
        exhibit: table or figure of the paper.
        cohort: name of the paper's cohort.
        path: its page.
    """

    exhibit: Exhibit
    cohort: str
    path: Path

    @property
    def text(self) -> str:
        return self.path.read_text(encoding="utf-8")

    @property
    def table(self) -> pd.DataFrame:
        """The CSV file beside the page, cells as text."""
        return pd.read_csv(self.path.with_suffix(".csv"), dtype=str, keep_default_na=False).map(original_cell)

    def predictions(self, run: str) -> pd.DataFrame:
        """The pooled predictions of a run."""
        return pd.read_csv(self.path.parent / run / "report/predictions.csv", dtype={"subject": str})


def reproduce(bundle: str, key: str, cohort: str, dataset_dir: Path, output_dir: Path, **options: Any) -> Page:
    """Run an exhibit, such as "table 2", to its end in this process."""
    kind, number = key.split()
    for name, value in SHORTEST.items():
        options[name] = {**value, **options.get(name, {})} if isinstance(value, Mapping) else options.get(name, value)
    path = Reproduction(bundle, dataset_dir, output_dir, cohort=cohort, **{kind: number}, **options).run()
    return Page(Paper.of(bundle).exhibits[key].of_cohort(cohort), cohort, path)


def check_table(page: Page, left_out: Collection[str] = ()) -> None:
    """The paper's rows and columns are there in its order, with values within their range beside its own.

    Args:
        page: page of the table.
        left_out: rows without values.
    """
    exhibit, cells = page.exhibit, page.table.set_index("Method")
    names = [row.name for row in exhibit.rows]
    assert [name for name in cells.index if name != "*Majority class*"] == names
    assert [name for name in cells if not name.startswith("paper: ")] == [column.name for column in exhibit.columns]
    for row in exhibit.rows:
        printed = [*map(str, row.paper.get(page.cohort, ()))]
        for place, column in enumerate(exhibit.columns):
            cell = cells.loc[row.name, column.name]
            assert cell == "-" if row.name in left_out else _in_range(cell, exhibit, column.metrics), cell
            if f"paper: {column.name}" in cells:
                assert cells.loc[row.name, f"paper: {column.name}"] == (printed[place] if place < len(printed) else "")
            else:
                assert place >= len(printed)
    lines = [_cells(line) for line in page.text.split("\n## ")[0].splitlines() if line.startswith("| ")]
    assert [line for line in lines if line[0] in names] == [[name, *cells.loc[name]] for name in names]
    check_links(page)


def _in_range(cell: str, exhibit: Exhibit, metrics: tuple[str, ...]) -> bool:
    """Whether there is a value of each metric, with its deviation where there is one."""
    limit = float("inf") if metrics[0] in LAYER_COSTS else 100 if exhibit.percent else 1
    values = [[float(number) for number in value.split(" ± ")] for value in cell.split("/")]
    return len(values) == len(metrics) and all(0 <= number <= limit for value in values for number in value)


def _cells(line: str) -> list[str]:
    """Cells of a line of a table in Markdown, without the grey of the paper's own numbers."""
    return [re.sub("<[^>]*>", "", cell).strip() for cell in line.removeprefix("|").removesuffix("|").split("|")]


def check_links(page: Page) -> None:
    """The reports and figures to which the page leads are there, and the figures can be opened."""
    links = re.findall(r"\]\(([^)]+)\)", page.text)
    assert links
    for path in (page.path.parent / link for link in links):
        if path.suffix == ".png":
            with Image.open(path) as figure:
                figure.load()
                assert min(figure.size) > 100
        assert path.is_file(), path


def results(page: Page) -> dict[Path, int]:
    """Weights, features and predictions of the runs of a page, and when they were written."""
    files = [path for path in page.path.parent.glob("*/**/*") if path.suffix in (".pt", ".csv")]
    return {path: path.stat().st_mtime_ns for path in files if "report" not in path.parts}
