"""``plan.yaml``: what a study is going to do, with the reason of each setting beside it."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any, Literal

from ..errors import InputError
from ..files import write_atomically
from ..programs import command_of
from .plan_problems import INFORMATION, PATHS, load_entries, plan_problems
from .protocol import Task
from .rules.facts import Choice

__all__ = ["PLAN", "Plan", "read_plan", "write_plan"]

PLAN = "plan.yaml"
Final = Literal["all", "ensemble"]


@dataclass(frozen=True)
class Plan:
    """A study.

    Args:
        bundle: name of the bundle, or its folder.
        dataset_dir: folder of the cohort.
        datalist: datalist of the cohort.
        test_datalist: datalist of a separate test set; ``None`` for cross-validation.
        task: "classification" or "segmentation".
        methods: rows of the comparison, as :class:`~common.evaluation.LabelFractions` reads them.
        folds: folds to hold out one by one.
        seeds: random seeds of the trainings, of which the final model has the first.
        vary_pretraining: whether the pre-trainings have them, too, instead of one for all.
        fractions: parts of the labels.
        workers: number of processes that run trainings at the same time.
        overlays: configs of the bundle for all stages.
        settings: ids of every config that has them.
        pretrain: ids of the pre-training alone.
        train: ids of the training alone.
        final: ``kind``, "all" for one network trained on all labelled subjects or "ensemble" for the networks of the
            folds together, and ``method``, a row or ``None`` for the one that the conclusion chooses.
        subgroups: columns of the datalist by which the report splits results.
        budget: ``seconds`` for the whole study; ``None`` for any.
        cohort: summary of the fingerprint.
        machine: machine that made the plan.
        estimate: estimated time, memory and disk.
        reasons: reason of each setting.
    """

    bundle: str
    dataset_dir: str
    datalist: str
    task: Task
    methods: Sequence[str]
    folds: Sequence[int]
    test_datalist: str | None = None
    seeds: Sequence[int] = (0,)
    vary_pretraining: bool = False
    fractions: Sequence[float] = (1.0,)
    workers: int = 1
    overlays: Sequence[str] = ()
    settings: Mapping[str, Any] = field(default_factory=dict)
    pretrain: Mapping[str, Any] = field(default_factory=dict)
    train: Mapping[str, Any] = field(default_factory=dict)
    final: Mapping[str, Any] = field(default_factory=lambda: {"kind": "all", "method": None})
    subgroups: Sequence[str] = ()
    budget: Mapping[str, Any] | None = None
    cohort: Mapping[str, Any] = field(default_factory=dict)
    machine: Mapping[str, Any] = field(default_factory=dict)
    estimate: Mapping[str, Any] = field(default_factory=dict)
    reasons: Mapping[str, str] = field(default_factory=dict)

    def with_choices(self, choices: Sequence[Choice]) -> dict[str, Any]:
        """``settings``, ``pretrain``, ``train`` and ``reasons`` with the choices of rules below what is set already."""
        parts = {"": dict(self.settings), "pretrain": dict(self.pretrain), "train": dict(self.train)}
        reasons = dict(self.reasons)
        for choice in choices:
            place = f"{choice.stage}.{choice.name}" if choice.stage else choice.name
            if choice.name not in parts[choice.stage]:
                parts[choice.stage][choice.name] = choice.value
                reasons[place] = choice.why
        return {"settings": parts[""], "pretrain": parts["pretrain"], "train": parts["train"], "reasons": reasons}


def write_plan(study: Path, plan: Plan) -> Path:
    """Write ``plan.yaml`` with the reason of each setting as a comment.

    Args:
        study: folder of the study.
        plan: plan to write.
    """
    return write_atomically(study / PLAN, "\n".join(_lines(study, plan)) + "\n")


def read_plan(study: Path) -> Plan:
    """Read ``plan.yaml``, which the user may have edited.

    Args:
        study: folder of the study.

    Raises:
        InputError: there is no plan, it is no YAML, or an entry is unknown, there twice or of another type; all
            problems at once.
    """
    import yaml

    path = Path(study) / PLAN
    if not path.is_file():
        options = f"<bundle> --dataset_dir <folder of datalist.json> --output_dir {study} --until plan"
        raise InputError(f"{path}: no such file; expected a plan; run {command_of('study')} {options} first")
    try:
        found, twice = load_entries(path.read_text(encoding="utf-8"))
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        where = " ".join(str(error).split())[:160]
        raise InputError(f"{path}: no YAML ({where}); expected what {command_of('study')} writes; correct it") from None
    if problems := [*twice, *plan_problems(found, [each.name for each in fields(Plan)])]:
        raise InputError.of_rows(str(path), problems)
    found |= {name: found.get(name) or {} for name in INFORMATION}
    found["final"] = {"kind": "all", "method": None, **found.get("final", {})}
    return Plan(**found | {name: _joined(path.parent, found[name]) for name in PATHS if found.get(name)})


def _lines(study: Path, plan: Plan) -> Iterator[str]:
    cohort = plan.cohort
    yield f"# Plan of a study: {cohort.get('subjects')} subjects, {Path(plan.bundle).name}. Everything later reads it."
    yield f"# Edit it, then: {command_of('study')} finish {study}"
    content = asdict(plan)
    content |= {name: _portable(study, content[name]) for name in PATHS if content[name]}
    for name in ("bundle", *PATHS, "task"):
        yield f"{name}: {_flow(content[name])}"
    yield "methods: # rows of the comparison; all are compared with the first. Delete or add lines"
    for text in plan.methods:
        yield _with_reason(f"- {text}", plan.reasons.get(f"methods.{text}"))
    yield _with_reason(f"folds: {_flow(plan.folds)}", "held out one by one; the predictions are pooled")
    for name in ("seeds", "vary_pretraining", "fractions", "workers", "overlays"):
        yield _with_reason(f"{name}: {_flow(content[name])}", plan.reasons.get(name))
    yield from _section("settings", plan.settings, "", plan, "ids of every config that has them")
    yield from _section("pretrain", plan.pretrain, "pretrain.", plan, "ids of the pre-training alone")
    yield from _section("train", plan.train, "train.", plan, "ids of the training alone")
    yield "final:"
    yield f"  kind: {plan.final['kind']} # all: one network of all labelled subjects; ensemble: those of the folds"
    yield f"  method: {_flow(plan.final.get('method'))} # a row that ends in a network; null: the conclusion chooses"
    yield f"subgroups: {_flow(plan.subgroups)} # columns of the datalist by which the report splits results"
    yield f"budget: {_flow(plan.budget)}"
    yield ""
    yield "# What was found and measured; to change it changes nothing."
    for name in INFORMATION:
        yield from _block(name, content[name])


def _portable(study: Path, path: str) -> str:
    study = study.resolve()
    return os.path.relpath(path, study) if Path(path).is_relative_to(study) else path


def _joined(study: Path, path: str) -> str:
    return str((study / path).resolve())


def _section(name: str, ids: Mapping[str, Any], prefix: str, plan: Plan, what: str) -> Iterator[str]:
    yield f"{name}: # {what}" if ids else f"{name}: {{}} # {what}"
    for key, value in ids.items():
        yield _with_reason(f"  {_flow(key)}: {_flow(value)}", plan.reasons.get(prefix + key))


def _with_reason(line: str, reason: str | None) -> str:
    return f"{line} # {reason}" if reason else line


def _flow(value: Any) -> str:
    """A value on one line."""
    import yaml

    plain = json.loads(json.dumps(value))
    text = yaml.safe_dump(plain, default_flow_style=True, width=10_000, sort_keys=False, allow_unicode=True)
    return text.removesuffix("\n").removesuffix("\n...")


def _block(name: str, value: Any) -> Iterator[str]:
    import yaml

    plain = {name: json.loads(json.dumps(value))}
    text = yaml.safe_dump(plain, default_flow_style=None, width=110, sort_keys=False, allow_unicode=True)
    yield from text.splitlines()
