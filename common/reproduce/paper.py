"""Tables and figures of a paper, their protocols and numbers, as ``paper.yaml`` of a bundle states them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Any

from ..bundle_configs import PAPER, BundleConfigs
from ..errors import InputError

__all__ = ["Column", "Exhibit", "Paper", "Row"]

#: What is made of the results of an exhibit's runs.
KINDS = ("table", "counts", "architecture", "sweep", "curve", "correlation", "heat maps")


@dataclass(frozen=True)
class Column:
    """A column of a table.

    Args:
        name: title.
        metrics: names in ``metrics.json``; two of them share a cell, as "sensitivity/specificity" in Li et al. 2021.
        fraction: label fraction.
        modality: modality whose rows ``<set> (<modality>)`` are shown.
        cohort: name of the only cohort that has this column; by default all have it.
    """

    name: str
    metrics: tuple[str, ...]
    fraction: float = 1.0
    modality: str | None = None
    cohort: str | None = None


@dataclass(frozen=True)
class Row:
    """A row of a table.

    Args:
        name: title.
        set: name of the method in the report of its run, or those by cohort; by default ``name``.
        run: name of the run; by default the first.
        paper: the paper's numbers as it prints them, by cohort, one for each column.
        layer: overlay of ``train.yaml`` whose ``fusion`` is counted, for columns of complexity.
    """

    name: str
    set: str | Mapping[str, str] = ""
    run: str = ""
    paper: Mapping[str, Sequence[str]] = field(default_factory=dict)
    layer: str = ""

    def set_of(self, cohort: str) -> str:
        """Name of the method in the report of a cohort."""
        return (self.set if isinstance(self.set, str) else self.set[cohort]) or self.name


@dataclass(frozen=True)
class Exhibit:
    """A table or figure.

    Args:
        key: "table 2" or "figure 4".
        title: subject of the paper's table or figure.
        protocol: procedure of the paper, in a sentence or two.
        differs: differences here, with reasons.
        kind: kind of the table or figure, one of ``KINDS``.
        cohorts: names of the cohorts of the paper.
        runs: ``protocol`` and ``options`` of each run by its name, or these two by cohort.
        rows: rows of a table.
        columns: columns of a table.
        over: units over which standard deviations are taken: "seeds", "folds", or "" for none.
        percent: whether values are percent.
        metrics: metrics of a curve.
        short: options of each run for ``--budget short``.
    """

    key: str
    title: str
    protocol: str
    differs: str
    kind: str = "table"
    cohorts: tuple[str, ...] = ()
    runs: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    rows: tuple[Row, ...] = ()
    columns: tuple[Column, ...] = ()
    over: str = ""
    percent: bool = False
    metrics: tuple[str, ...] = ()
    short: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)

    def of_cohort(self, cohort: str) -> Exhibit:
        """The exhibit with the columns of one cohort."""
        return replace(self, columns=tuple(column for column in self.columns if column.cohort in (None, cohort)))

    @property
    def option(self) -> str:
        """Option of the command."""
        return "--" + self.key

    @property
    def folder(self) -> str:
        """Name of its output folder."""
        return self.key.replace(" ", "_")


@dataclass(frozen=True)
class Paper:
    """A paper.

    Args:
        bundle: name of the bundle, or its folder.
        reference: authors, title, venue.
        cohorts: by name, ``overlays`` for all stages and ``data``, where the paper's images are.
        short: options for ``--budget short`` of all runs, by protocol.
        exhibits: tables and figures by their key.
    """

    bundle: str
    reference: str
    cohorts: Mapping[str, Mapping[str, Any]]
    short: Mapping[str, Mapping[str, Any]]
    exhibits: Mapping[str, Exhibit]

    @classmethod
    def of(cls, bundle: str | Path) -> Paper:
        """Read ``paper.yaml`` of a bundle.

        Raises:
            InputError: there is no such bundle, or it has no such file.
        """
        import yaml

        path = BundleConfigs(bundle).root / PAPER
        if not path.is_file():
            raise InputError(f"{path}: does not exist; expected the tables and figures of the bundle's paper")
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
        cohorts = content["cohorts"]
        exhibits = {key: _exhibit(path, key, found, tuple(cohorts)) for key, found in content["exhibits"].items()}
        return cls(str(bundle), content["paper"], cohorts, content.get("short", {}), exhibits)

    def exhibit(self, table: str | int | None, figure: str | int | None) -> Exhibit:
        """A table or figure by its number.

        Raises:
            InputError: none or both are given, or the paper has no such one.
        """
        known = ", ".join(exhibit.option for exhibit in self.exhibits.values())
        if (table is None) == (figure is None):
            raise InputError(f"table, figure: found {'none' if table is None else 'both'}; expected one of {known}")
        key = f"table {table}" if figure is None else f"figure {figure}"
        if key not in self.exhibits:
            raise InputError(f"--{key}: {self.bundle} has no such one; expected one of {known}")
        return self.exhibits[key]

    def cohort(self, exhibit: Exhibit, name: str | None) -> str:
        """Name of the cohort; by default the first of the exhibit.

        Raises:
            InputError: the exhibit has no such cohort.
        """
        if name is not None and name not in exhibit.cohorts:
            raise InputError(f"cohort: found {name}; expected {' or '.join(exhibit.cohorts)} for {exhibit.option}")
        return name or exhibit.cohorts[0]


def _exhibit(path: Path, key: str, found: Mapping[str, Any], cohorts: tuple[str, ...]) -> Exhibit:
    problems = list(_problems(key, found))
    if problems:
        raise InputError.of_rows(str(path), problems)
    parts = {**found, "cohorts": tuple(found.get("cohorts", cohorts))}
    parts["metrics"] = tuple(found.get("metrics", ()))
    parts["rows"] = tuple(Row(name=name, **(row or {})) for name, row in found.get("rows", {}).items())
    parts["columns"] = tuple(
        Column(name, **{**column, "metrics": tuple(column["metrics"])})
        for name, column in found.get("columns", {}).items()
    )
    return Exhibit(key=key, **parts)


def _problems(key: str, found: Mapping[str, Any]) -> Iterator[str]:
    known = {each.name for each in fields(Exhibit)} - {"key"}
    if unknown := sorted(set(found) - known):
        yield f"{key}: found {', '.join(unknown)}; expected of {', '.join(sorted(known))}"
    if lacking := sorted({"title", "protocol", "differs"} - set(found)):
        yield f"{key}: no {', '.join(lacking)}"
    if found.get("kind", "table") not in KINDS:
        yield f"{key}: kind: found {found['kind']}; expected one of {', '.join(KINDS)}"
