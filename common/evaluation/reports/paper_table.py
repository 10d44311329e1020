"""Tables as in Chiang et al. 2023: accuracy, precision, recall and F1 as mean and standard deviation over seeds."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from .table_lines import table_lines

__all__ = ["paper_tables"]

#: The columns of the paper's Tables 1 to 4.
COLUMNS = {"Acc": "accuracy", "Pre": "precision", "Rec": "sensitivity", "F1": "f1"}


def paper_tables(summary: Mapping[str, Any]) -> Iterator[str]:
    """Lines of Markdown: methods ``<name> (<modality>)`` with one row for all modalities as in Table 1, others as in
    Tables 2 to 4.

    Args:
        summary: result of :func:`summarise` with ``modalities``, for two classes.
    """
    full = max(summary["fractions"])
    entries = {entry["set"]: entry for entry in summary["results"] if entry["fraction"] == full}
    modalities = summary["modalities"]
    grouped: dict[str, dict[str, str]] = {}
    for name in entries:
        for modality in modalities:
            if name.endswith(f" ({modality})"):
                grouped.setdefault(name.removesuffix(f" ({modality})"), {})[modality] = name
    yield from _explanation(summary, entries, full)
    majority = _cells({"metrics": summary["majority_class"], "seeds": [0]})
    if grouped:
        header = ["Method", *(f"{modality}: {column}" for modality in modalities for column in COLUMNS)]
        rows = [["*Majority class*", *majority * len(modalities)]]
        for base, names in grouped.items():
            cells = (_cells(entries.get(names.get(modality, ""))) for modality in modalities)
            rows.append([base, *(cell for group in cells for cell in group)])
        yield from ("", *table_lines(header, rows))
    inside = {name for names in grouped.values() for name in names.values()}
    if alone := [name for name in entries if name not in inside]:
        rows = [["*Majority class*", *majority], *([name, *_cells(entries[name])] for name in alone)]
        yield from ("", *table_lines(["Method", *COLUMNS], rows))


def _explanation(summary: Mapping[str, Any], entries: Mapping[str, Any], fraction: float) -> Iterator[str]:
    most = max(len(entry["seeds"]) for entry in entries.values())
    spread = "mean ± standard deviation over seeds" if most > 1 else "of one seed"
    yield (
        f"Percent, {spread}, on the pooled out-of-fold predictions of each seed, with {fraction:.0%} of the labels. "
        f"Precision, recall and F1 are those of the positive class, {summary['positive']} (**ours**: Chiang et al. "
        "do not state the class or average of theirs, which agree with stage 2, averaged over folds). A standard "
        "deviation over seeds is no confidence interval: seeds share their subjects. The tables above have intervals."
    )


def _cells(entry: Mapping[str, Any] | None) -> list[str]:
    if entry is None:
        return ["-"] * len(COLUMNS)
    found = [entry["metrics"][name] for name in COLUMNS.values()]
    if len(entry["seeds"]) == 1:
        return [f"{100 * metric['value']:.2f}" for metric in found]
    return [f"{100 * metric['value']:.2f} ± {100 * metric['std_over_seeds']:.2f}" for metric in found]
