"""A handler that tests put into a config to see what each step trained on."""

from __future__ import annotations

import json
import os
import time
from pathlib import Path

import ignite.distributed as idist
import torch
from ignite.engine import Engine, Events

PAUSE = "PAUSE_AFTER_STEP"  # environment variable: number of the step after which the run waits until a test kills it
SECONDS = 600  # after which it is no longer killed
#: An overlay of any training.
RECORDER = """
+train#handlers:
- _target_: tests.bundles.recorder.StepRecorder
  folder: '@output_dir'
"""


class StepRecorder:
    """Append a line of JSON for each step: iteration, samples, weights and loss of this process.

    Args:
        folder: where ``steps_<rank>.jsonl`` goes.
    """

    def __init__(self, folder: str) -> None:
        self.path = Path(folder) / f"steps_{idist.get_rank()}.jsonl"

    def attach(self, engine: Engine) -> None:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        engine.add_event_handler(Events.ITERATION_COMPLETED, self.record)

    def record(self, engine: Engine) -> None:
        weight = engine.state.batch.get("weight")
        step = {
            "iteration": engine.state.iteration,
            "index": engine.state.batch.get("index", torch.tensor([])).tolist(),
            "weight": None if weight is None else weight.tolist(),
            "loss": engine.state.output[0]["loss"].item(),  # after KeepLoss,
        }
        with self.path.open("a") as file:
            file.write(json.dumps(step) + "\n")
        if os.environ.get(PAUSE) == str(engine.state.iteration):
            time.sleep(SECONDS)


def read_steps(folder: Path, rank: int = 0) -> list[dict]:
    """What a recorder wrote, as far as its lines are whole."""
    path = folder / f"steps_{rank}.jsonl"
    lines = path.read_text().splitlines(keepends=True) if path.exists() else []
    return [json.loads(line) for line in lines if line.endswith("\n")]


def interleave(first: list, second: list) -> list:
    """The joined batch, of two processes' rows."""
    return [value for pair in zip(first, second, strict=True) for value in pair]
