"""A plan that fits its budget, with the estimated time, memory and disk."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from typing import Any

from ..bundle_configs import PRETRAIN
from ..evaluation.protocols.methods import Encoder, FineTuning
from ..evaluation.protocols.read_methods import FEW_NUMBERS
from .budget import RESERVE, Fitted, Stage, fit_budget
from .measurement import StageCost
from .plan import Plan
from .row_descriptions import kind_of
from .stage_table import CONSTANT, StageTable
from .stored_images import stored_bytes

__all__ = ["fit_plan"]

DISK = 3.0  # checkpoints and weights of a run, in sizes of its network: optimizer with momentum


def fit_plan(
    table: StageTable, costs: Mapping[str, StageCost], radiomics: float, seconds: float | None, spent: float
) -> Plan:
    """The plan with epochs and methods that fit the budget, and the estimate.

    Args:
        table: stages of the plan.
        costs: costs of each training, see :func:`~common.study.measurement.measure_stages`.
        radiomics: seconds to measure the traditional features of an image.
        seconds: budget; ``None`` for the plan's epochs.
        spent: seconds that planning has taken of the budget.
    """
    plan = table.plan
    stages = list(table.stages(costs, radiomics))
    allowed = None if seconds is None else max((seconds - spent) * (1 - RESERVE), CONSTANT)
    fitted = fit_budget(stages, plan.methods, allowed, _always_kept(table))
    if seconds is not None:
        plan = _shortened(plan, fitted)
    table = replace(table, plan=plan)
    estimate = _estimate(table, list(table.stages(costs, radiomics)), costs, fitted, spent)
    full = {stage.kind: stage.epochs for stage in stages if stage.epochs}
    estimate["shortened"] = [kind for kind, epochs in fitted.epochs.items() if epochs < full[kind]]
    return replace(plan, estimate=estimate)


def _always_kept(table: StageTable) -> list[str]:
    """Rows that no budget leaves out: the first one, the reference, the first network that was pre-trained, and few
    numbers of a lesion, which take seconds."""
    found = table.read()
    trained = [text for text, row in found if isinstance(row, FineTuning) and isinstance(row.start, Encoder)]
    others = [text for text, _ in found if text != found[0][0]]
    quick = [text for text, row in found if kind_of(row) in FEW_NUMBERS]
    return [found[0][0], *(trained or others)[:1], *quick]


def _shortened(plan: Plan, fitted: Fitted) -> Plan:
    reasons = dict(plan.reasons)
    parts = {PRETRAIN: dict(plan.pretrain), "train": dict(plan.train)}
    for kind, epochs in fitted.epochs.items():
        parts[kind]["max_epochs"] = epochs
        reasons[f"{kind}.max_epochs"] = "fits the budget"
    return replace(plan, methods=list(fitted.methods), pretrain=parts[PRETRAIN], train=parts["train"], reasons=reasons)


def _estimate(
    table: StageTable, stages: Sequence[Stage], costs: Mapping[str, StageCost], fitted: Fitted, spent: float
) -> dict[str, Any]:
    needed = [stage for stage in stages if not stage.methods or stage.methods & set(table.plan.methods)]
    runs = [(stage, stage.runs + stage.final_runs) for stage in needed]
    weights = sum(number * DISK * stage.cost.weights for stage, number in runs if stage.cost)
    return {
        "seconds": round(fitted.seconds),
        "fits": fitted.fits,
        "shortest_budget": None if fitted.fits else _budget_of(fitted.seconds, spent),
        "left_out": {name: _budget_of(seconds, spent) for name, seconds in fitted.dropped.items()},
        "memory_gb": round(max((cost.memory for cost in costs.values()), default=0) / 1e9, 2),
        "disk_gb": round((weights + stored_bytes(table)) / 1e9 + 0.01, 2),
        "waited": round(max((cost.waited for cost in costs.values()), default=0), 2),
        "stages": [{**_entry(stage), "runs": stage.runs} for stage in needed],
        "measured": {key: _rounded(cost) for key, cost in costs.items()},
    }


def _budget_of(seconds: float, spent: float) -> str:
    """The ``--budget`` into which a study of so many seconds fits, after the planning and with the reserve."""
    return f"{math.ceil((seconds / (1 - RESERVE) + spent) / 60)}m"


def _entry(stage: Stage) -> dict[str, Any]:
    return {"what": stage.what, "seconds": round(stage.runs * stage.one_run()), "epochs": stage.epochs}


def _rounded(cost: StageCost) -> dict[str, Any]:
    numbers = {name: round(value, 4) for name, value in asdict(cost).items() if name in ("setup", "load", "step")}
    return {**numbers, "images": cost.images}
