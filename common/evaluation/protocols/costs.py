"""What the runs of a comparison cost, kept beside their results."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

from ...files import write_atomically
from ...tasks import Cost, Task

__all__ = ["COSTS", "keep_cost", "read_costs"]

#: File in the folder of a comparison.
COSTS = "costs.json"
DONE = 0.5  # seconds of CPU time under which a task has only found its result


def keep_cost(folder: Path, task: Task, cost: Cost) -> None:
    """Note what a task costs; one that only found its result keeps the cost of the run that made it.

    Args:
        folder: folder of the comparison.
        task: completed task, whose file is in that folder.
        cost: time and memory of the run.
    """
    found = read_costs(folder)
    made = str(task.makes.relative_to(folder))
    if made not in found or cost.cpu_seconds > DONE:
        write_atomically(folder / COSTS, json.dumps({**found, made: asdict(cost)}, indent=1))


def read_costs(folder: Path) -> dict[str, dict[str, Any]]:
    """Costs by the file that a run made, relative to the folder of the comparison; empty if there are none."""
    path = folder / COSTS
    return json.loads(path.read_text()) if path.is_file() else {}
