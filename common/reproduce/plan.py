"""The runs that a table or figure needs, as protocols with their options."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

from ..datalist_json import read_datalist
from ..errors import InputError
from .paper import Exhibit, Paper

if TYPE_CHECKING:
    from ..evaluation import CrossValidation, LabelFractions, Segmentation

    Comparison: TypeAlias = CrossValidation | LabelFractions | Segmentation

__all__ = ["Request", "planned_runs"]

logger = logging.getLogger(__name__)

BUDGETS = ("short", "paper")


@dataclass(frozen=True)
class Request:
    """What a reader asks for.

    Args:
        paper: paper of the bundle.
        exhibit: table or figure.
        cohort: name of the cohort in the paper.
        dataset_dir: folder of the datalist.
        output_dir: folder for all outputs.
        budget: "paper", its protocol in full, or "short", a small one of the same form.
        options: options of the protocols for the workers and for pre-training, that all runs have.
        settings: ids of the configs and their values, for every stage that has them.
    """

    paper: Paper
    exhibit: Exhibit
    cohort: str
    dataset_dir: Path
    output_dir: Path
    budget: str
    options: Mapping[str, Any]
    settings: Mapping[str, Any]


def planned_runs(request: Request) -> dict[str, Comparison]:
    """Protocols of all runs of an exhibit, by name; creating them checks their options, and runs nothing.

    Raises:
        InputError: the budget is unknown, or a protocol refuses its options.
    """
    if request.budget not in BUDGETS:
        raise InputError(f"budget: found {request.budget}; expected one of {', '.join(BUDGETS)}")
    return {name: _protocol(request, name, run) for name, run in request.exhibit.runs.items()}


def _protocol(request: Request, name: str, run: Mapping[str, Any]) -> Comparison:
    from ..evaluation import CrossValidation, LabelFractions, Segmentation  # here, as --help needs none

    known: dict[str, Any] = {
        "cross_validation": CrossValidation,
        "label_fractions": LabelFractions,
        "segmentation": Segmentation,
    }
    run = run.get(request.cohort, run)
    options: dict[str, Any] = dict(run.get("options", {}))
    if request.budget == "short":
        options = merged(options, request.paper.short.get(run["protocol"], {}))
        options = merged(options, request.exhibit.short.get(name, {}))
    overlays = request.options.get("overlays") or request.paper.cohorts[request.cohort].get("overlays", ())
    options = merged(options, {**request.settings, **request.options, "overlays": overlays})
    for key, value in options.items():
        if isinstance(value, str):
            options[key] = value.replace("{dataset_dir}", str(request.dataset_dir))
    for method, key in run.get("needs", {}).items():
        options["methods"] = _without(options["methods"], method, key, request, options.get("pretraining_datalist"))
    folder = request.output_dir / request.exhibit.folder / request.cohort / name
    return known[run["protocol"]](request.paper.bundle, request.dataset_dir, folder, **options)


def _without(
    methods: Sequence[str], method: str, key: str, request: Request, elsewhere: str | Path | None
) -> list[str]:
    """Methods without one that needs a key which rows of its pre-training lack, and a warning."""
    path = Path(elsewhere or request.dataset_dir / "datalist.json")
    rows = read_datalist(path)["training"] if path.is_file() else []  # or the protocol reports it
    lacking = sum(row.get(key) is None for row in rows)
    if method in methods and lacking:
        logger.warning(f"{path}: {key}: found none in {lacking} of {len(rows)} rows; {method} is left out; add it")
        return [each for each in methods if each != method]
    return list(methods)


def merged(first: Mapping[str, Any], second: Mapping[str, Any]) -> dict[str, Any]:
    """The items of both; of two mappings with one name, the items of both, and else the second's."""
    result = dict(first)
    for key, value in second.items():
        both = isinstance(value, Mapping) and isinstance(result.get(key), Mapping)
        result[key] = merged(result[key], value) if both else value
    return result
