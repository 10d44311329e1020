"""A paper's table in Markdown and CSV: our values and the paper's, and the statistics that the paper lacks."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from ..csv_text import csv_text
from ..evaluation.reports.table_lines import table_lines
from ..evaluation.statistics.metrics import METRIC_NAMES
from ..files import write_atomically
from .cells import Results, cell
from .complexity import LAYER_COSTS, layer_cost
from .paper import Exhibit
from .plan import Request

if TYPE_CHECKING:
    from ..evaluation.protocols.stages import Stages

__all__ = ["GREY", "SMALL", "write_paper_table"]

#: Metrics that the papers lack, beside which their own are.
FURTHER = ("accuracy", "balanced_accuracy", "auc", "f1_weighted", "calibration_error", "brier")
#: What a page with ``--budget short`` says of it.
SMALL = "**with a small budget: it shows the form, not the method**"
#: The paper's own numbers in Markdown.
GREY = '<span style="color:gray">{}</span>'


def write_paper_table(request: Request, reports: Mapping[str, Path], runs: Mapping[str, Stages]) -> Path:
    """Write ``<key>.csv`` and ``<key>.md``.

    Args:
        request: requested table or figure.
        reports: folder of the report of each run, by the run's name.
        runs: comparison of each run.

    Returns:
        Path of the Markdown file.
    """
    exhibit, results = request.exhibit, {name: Results(folder) for name, folder in reports.items()}
    table = _table(request, results)
    folder = request.output_dir / exhibit.folder / request.cohort
    write_atomically(folder / f"{exhibit.folder}.csv", csv_text(pd.DataFrame(table)))
    lines = [f"# {exhibit.key.capitalize()}: {exhibit.title}", "", *_explanation(request, table, results), ""]
    header = list(table[0])
    grey = {name for name in header if name.startswith("paper: ")}
    cells = [[GREY.format(row[name]) if name in grey and row[name] else row[name] for name in header] for row in table]
    lines += [*table_lines([GREY.format(name) if name in grey else name for name in header], cells), ""]
    for name, found in results.items():
        link = (reports[name] / "report.md").relative_to(folder).as_posix()
        lines += [f"## What the paper does not report{_of(name, results)}", "", *_further(found.summary), ""]
        lines += [*_tests(found.summary), f"All metrics, notes and figures: [{link}]({link}).", ""]
        lines += [f"## Cost{_of(name, results)}", "", *cost_lines(reports[name].parent), "", *_networks(runs.get(name))]
    return write_atomically(folder / f"{exhibit.folder}.md", "\n".join(lines))


def _of(name: str, results: Mapping[str, Any]) -> str:
    return f": {name}" if len(results) > 1 else ""


def _table(request: Request, results: Mapping[str, Results]) -> list[dict[str, str]]:
    """One row per method: our value and the paper's for each column."""
    exhibit = request.exhibit
    first = next(iter(results))
    rows = [_majority(exhibit, results[first])] if "majority_class" in results[first].summary else []
    for row in exhibit.rows:
        cells, printed = {"Method": row.name}, list(row.paper.get(request.cohort, ()))
        for place, column in enumerate(exhibit.columns):
            if column.metrics[0] in LAYER_COSTS:
                cells[column.name] = layer_cost(request, row, column.metrics[0])
            else:
                cells[column.name] = cell(results[row.run or first], exhibit, request.cohort, row, column)
            cells[f"paper: {column.name}"] = str(printed[place]) if place < len(printed) else ""
        rows.append(cells)
    unprinted = {name for name in rows[-1] if name.startswith("paper: ") and not any(row.get(name) for row in rows)}
    return [{name: value for name, value in row.items() if name not in unprinted} for row in rows]


def _majority(exhibit: Exhibit, results: Results) -> dict[str, str]:
    """The row of the most frequent class."""
    scale, digits = (100, 2) if exhibit.percent else (1, 3)
    found, cells = results.summary["majority_class"], {"Method": "*Majority class*"}
    for column in exhibit.columns:
        values = [found.get(metric) for metric in column.metrics]
        shown = "/".join(f"{scale * each['value']:.{digits}f}" for each in values if each)
        cells |= {column.name: shown or "-", f"paper: {column.name}": ""}
    return cells


def _explanation(request: Request, table: Sequence[Mapping[str, str]], results: Mapping[str, Results]) -> Iterator[str]:
    exhibit, cells = request.exhibit, [row[name] for row in table for name in row if not name.startswith("paper: ")]
    spread = f" ± standard deviation over {exhibit.over}" if any("±" in cell for cell in cells) else ""
    yield f"After {request.paper.reference}."
    yield ""
    yield f"Protocol: {exhibit.protocol}"
    yield ""
    yield f"What differs: {exhibit.differs}"
    yield ""
    small = f", {SMALL}" if request.budget == "short" else ""
    yield (
        f"Values{spread}{small}. In grey the paper's own numbers, which were **measured on other data** "
        "and are no target for this cohort. A standard deviation is no confidence interval."
    )
    if left_out := sorted(set().union(*(found.left_out for found in results.values()))):
        yield ""
        folds = ", ".join(map(str, left_out))
        yield f"Left out of the values over folds, as a class has no subject there: fold {folds}."


def _further(summary: Mapping[str, Any]) -> Iterator[str]:
    if "majority_class" not in summary:
        yield from _segmentation(summary)
        return
    names = [name for name in FURTHER if name in summary["majority_class"]]
    rows = [["*Majority class*", "", *(_interval(summary["majority_class"][name]) for name in names)]]
    for entry in summary["results"]:
        part = f"{100 * entry['fraction']:g} %"
        rows.append([entry["set"], part, *(_interval(entry["metrics"][name]) for name in names)])
    yield f"{summary['confidence']:.0%} intervals of a bootstrap over {summary['subjects']} subjects."
    yield ""
    yield from table_lines(["Method", "Labels", *(METRIC_NAMES[name] for name in names)], rows)


def _segmentation(summary: Mapping[str, Any]) -> Iterator[str]:
    """Intervals of segmentations, and paired differences to the first method."""
    names = list(summary["results"][0]["metrics"])
    yield f"{summary['confidence']:.0%} intervals of a bootstrap over {summary['subjects']} subjects."
    yield ""
    rows = [[row["set"], *(_interval(row["metrics"][name]) for name in names)] for row in summary["results"]]
    yield from table_lines(["Method", *map(str.upper, names)], rows)
    yield from ("", f"Differences to {summary['reference']}, paired by subject:", "")
    rows = [[row["set"], *(_interval(row["difference"][name], "+.3f") for name in names)] for row in summary["results"]]
    yield from table_lines(["Method", *map(str.upper, names)], rows[1:])
    yield ""
    yield from (f"- {note}" for note in summary["notes"])


def _tests(summary: Mapping[str, Any]) -> Iterator[str]:
    if not summary.get("comparisons"):
        return
    rows = [
        [
            entry["set"],
            entry["reference"],
            f"{100 * entry['fraction']:g} %",
            _interval(entry["auc_difference"], "+.3f"),
            *("-" if entry[name] is None else f"{entry[name]:.3f}" for name in ("delong_p", "mcnemar_p")),
        ]
        for entry in summary["comparisons"]
    ]
    yield "Paired tests on the pooled predictions; the p-values are not corrected for their number:"
    yield ""
    yield from table_lines(["Method", "against", "Labels", "AUC difference", "DeLong p", "McNemar p"], rows)
    yield ""


def _interval(found: Mapping[str, float], form: str = ".3f") -> str:
    if found["value"] is None:
        return "-"
    short = form.replace("3", "2")
    return f"{found['value']:{form}} ({found['low']:{short}} to {found['high']:{short}})"


def _networks(run: Stages | None) -> Iterator[str]:
    """Multiply-adds of the networks that rows train."""
    from .complexity import multiply_adds

    trained = getattr(run, "trained", ())
    if run is None or not trained:
        return
    training = getattr(run, "training", "train")
    yield from table_lines(
        ["Network of", "Multiply-adds of one input"], [[row.name, multiply_adds(run, row, training)] for row in trained]
    )
    yield ""


def cost_lines(folder: Path) -> Iterator[str]:
    """A table of what the runs of a comparison cost, by their folder."""
    from ..evaluation.protocols.costs import read_costs
    from .complexity import number_of_parameters

    groups: dict[str, list[tuple[str, Mapping[str, Any]]]] = {}
    for made, cost in read_costs(folder).items():
        parts = [part for part in Path(made).parts if not part.startswith(("seed", "labels"))]
        kind = "features" if made.endswith(".csv") and "learnt" in parts[-1] else parts[0]
        groups.setdefault(kind if kind != "features" else f"{parts[0]}, features", []).append((made, cost))
    rows = []
    for name, costs in groups.items():
        seconds = sum(cost["seconds"] for _, cost in costs)
        cpu = sum(cost["cpu_seconds"] for _, cost in costs)
        memory = max(cost["memory"] for _, cost in costs) / 2**30
        gpu = max(cost["gpu_memory"] for _, cost in costs) / 2**30
        weights = number_of_parameters(folder / costs[0][0])
        rows.append(
            [
                name,
                str(len(costs)),
                f"{seconds:.1f}",
                f"{cpu:.1f}",
                f"{memory:.2f}",
                f"{gpu:.2f}" if gpu else "-",
                weights,
            ]
        )
    yield from table_lines(
        ["Runs of", "Number", "Seconds in all", "CPU seconds", "Peak memory, GiB", "of the GPU", "Parameters"], rows
    )
