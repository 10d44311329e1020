"""What is wrong with an edited ``plan.yaml``."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from ..evaluation.protocols.label_checks import REPEATED
from ..option_limits import limit_problem

__all__ = ["INFORMATION", "ONCE", "PATHS", "item_problems", "load_entries", "plan_problems", "setting_problems"]

#: What was found and measured; changing it changes nothing.
INFORMATION = ("cohort", "machine", "estimate", "reasons")
#: Entries that are paths, relative to the study's folder where they are in it, so that it can be moved.
PATHS = ("dataset_dir", "datalist", "test_datalist")
#: Values for a segmentation, each method of which is trained once on each fold.
ONCE: dict[str, Any] = {"seeds": [0], "fractions": [1.0], "vary_pretraining": False}
#: Ids of the configs that a study sets itself, for each run anew, and what chooses them.
_OWN_IDS = {
    "fold": "folds in plan.yaml has those that are held out",
    "output_dir": "the study's folder has all outputs",
    "dataset_dir": "the study's own dataset_dir counts",
    "datalist": "the study's own datalist counts",
}
#: That of the pre-trainings, where each is repeated for each seed.
_VARIED = {"seed": "vary_pretraining gives the pre-trainings those of seeds (--seeds)"}
_FINAL = ("kind", "method")
#: Lists of numbers, and the option whose limits their entries have.
_NUMBERS = {"folds": "fold", "seeds": "seeds", "fractions": "label_fractions"}


def load_entries(text: str) -> tuple[Any, list[str]]:
    """The content of a YAML file, and a line for each key that a mapping has twice, of which YAML takes the last.

    Args:
        text: content of the file.

    Raises:
        YAMLError: it is no YAML.
    """
    import yaml

    root, twice = yaml.compose(text, Loader=yaml.SafeLoader), []
    nodes = [root] if root is not None else []
    while nodes:
        node = nodes.pop()
        if isinstance(node, yaml.SequenceNode):
            nodes += node.value
        elif isinstance(node, yaml.MappingNode):
            names: set[str] = set()
            for key, value in node.value:
                if key.value in names and isinstance(key, yaml.ScalarNode):
                    twice.append(
                        f"{key.value}: found again in line {key.start_mark.line + 1}; expected once; join both"
                    )
                names |= {key.value} if isinstance(key, yaml.ScalarNode) else set()
                nodes.append(value)
    return yaml.safe_load(text), twice


def plan_problems(found: Any, known: Sequence[str]) -> Iterator[str]:
    """A line for each entry that is unknown, is missing or has another type or an impossible value.

    Args:
        found: content of the file.
        known: names of all entries.
    """
    if not isinstance(found, Mapping):
        yield f"found {type(found).__name__}, expected entries such as bundle and methods; correct it"
        return
    if unknown := sorted(str(name) for name in set(found) - set(known)):
        yield f"{', '.join(unknown)}: unknown; expected {', '.join(known)}; correct or delete it"
    for name in ("bundle", "dataset_dir", "datalist", "task", "methods", "folds"):
        if not found.get(name):
            yield f"{name}: found none; expected one; add it"
    for name in ("bundle", *PATHS):
        if not isinstance(found.get(name), str | None):
            yield f"{name}: found {found[name]!r}; expected text; correct it"
    for name, kind, what in (
        *((name, list, "a list such as [a, b]") for name in ("methods", "folds", "seeds", "fractions", "overlays")),
        ("subgroups", list, "a list such as [a, b]"),
        *((name, dict, "entries such as {max_epochs: 10}") for name in ("settings", "pretrain", "train")),
        ("final", dict, "entries such as {kind: all, method: null}"),
        *((name, dict | None, "entries, or none") for name in INFORMATION),
    ):
        if name in found and not isinstance(found[name], kind):
            yield f"{name}: found {found[name]!r}; expected {what}; correct it"
    yield from _wrong_items(found)
    yield from item_problems(found)
    yield from _wrong_budget(found.get("budget"))
    for name in ("settings", "pretrain", "train"):
        ids = found[name] if isinstance(found.get(name), Mapping) else {}
        yield from setting_problems(name, ids, f"{name}: ", found.get("task"), found.get("vary_pretraining") is True)
    if found.get("task") not in ("classification", "segmentation", None):
        yield f"task: found {found['task']!r}; expected classification or segmentation; correct it"
    if isinstance(final := found.get("final", {}), Mapping):
        yield from _wrong_final(final, found.get("task"))
    if found.get("task") == "segmentation":
        for name, only in ONCE.items():
            if (value := found.get(name, only)) != only:
                yield f"{name}: found {value!r}; expected {only!r} as a segmentation is trained once; correct it"


def setting_problems(
    section: str, ids: Mapping[str, Any], prefix: str, task: str | None, varied: bool
) -> Iterator[str]:
    """A line for each id that the study sets itself, and for each value that no run can use.

    Args:
        section: "settings", "pretrain" or "train".
        ids: ids that are set, and their values.
        prefix: text before an id, such as ``--``.
        task: task of the study.
        varied: whether each pre-training is repeated for each seed.
    """
    own = dict(_OWN_IDS)
    if task == "classification":
        own |= (_VARIED if varied else {}) if section == "pretrain" else REPEATED
    for name, value in ids.items():
        if name in own:
            yield f"{prefix}{name}: found one for all runs; expected none, as {own[name]}; leave it out"
        elif expected := limit_problem(str(name).rpartition("#")[2], value):
            yield f"{prefix}{name}: found {value!r}; expected {expected}; correct it"


def item_problems(found: Mapping[str, Any], prefix: str = "") -> Iterator[str]:
    """A line for each list of folds, seeds or fractions with a number that no run can use.

    Args:
        found: lists by name; others are not checked.
        prefix: text before the name, such as ``--``.
    """
    for name, option in _NUMBERS.items():
        if isinstance(items := found.get(name), list) and items and (expected := limit_problem(option, items)):
            yield f"{prefix}{name}: found {items!r}; expected {expected}; correct it"


def _wrong_items(found: Mapping[str, Any]) -> Iterator[str]:
    """Values of another type within the lists, and single ones."""
    kinds: list[tuple[str, tuple[type, ...], str]] = [
        *((name, (int,), "whole numbers") for name in ("folds", "seeds")),
        ("fractions", (int, float), "numbers above 0, at most 1"),
        *((name, (str,), "names") for name in ("methods", "overlays", "subgroups")),
    ]
    for name, kind, what in kinds:
        items = found[name] if isinstance(found.get(name), list) else []
        if wrong := [item for item in items if not isinstance(item, kind) or isinstance(item, bool)]:
            yield f"{name}: found {wrong[0]!r}; expected {what}; correct it"
    workers, varied = found.get("workers", 1), found.get("vary_pretraining", False)
    if not isinstance(workers, int) or isinstance(workers, bool) or workers < 1:
        yield f"workers: found {workers!r}; expected a number from 1; correct it"
    if not isinstance(varied, bool):
        yield f"vary_pretraining: found {varied!r}; expected true or false; correct it"


def _wrong_budget(budget: Any) -> Iterator[str]:
    seconds = budget.get("seconds") if isinstance(budget, Mapping) else None
    if budget is not None and (not isinstance(seconds, int | float) or isinstance(seconds, bool)):
        yield f"budget: found {budget!r}; expected entries such as {{seconds: 7200}}, or null; correct it"


def _wrong_final(final: Mapping[str, Any], task: Any) -> Iterator[str]:
    if unknown := sorted(str(name) for name in set(final) - set(_FINAL)):
        yield f"final: found {', '.join(unknown)}; expected {' and '.join(_FINAL)}; correct or delete it"
    kind, method = final.get("kind", "all"), final.get("method")
    if kind not in ("all", "ensemble"):
        yield f"final: kind: found {kind!r}; expected all or ensemble; correct it"
    elif kind == "ensemble" and task == "segmentation":
        yield "final: kind: found ensemble for a segmentation; expected all; correct it"
    if not isinstance(method, str | None):
        yield f"final: method: found {method!r}; expected a row of methods, or null; correct it"
