"""A run that is killed and started again, beside one that was never killed."""

from __future__ import annotations

import time
from pathlib import Path
from types import SimpleNamespace

import pandas as pd
import torch

from tests.bundles.commands import PROJECT, bundle_command, environment, run_bundle
from tests.bundles.recorder import PAUSE, RECORDER, read_steps
from tests.python_commands import Command


def check_killed_run(configs: list[Path], folder: Path, **overrides: object) -> SimpleNamespace:
    """A training of two epochs that was killed in the second ends with the results of a whole one, bit for bit.

    Args:
        configs: config files of the training.
        folder: empty folder for both runs.
        overrides: ids and values.

    Returns:
        What the ``whole`` and the ``resumed`` run printed, and the final ``checkpoint``.
    """
    (folder / "recorder.yaml").write_text(RECORDER)
    options = {"run_id": "training", "max_epochs": 2, "save_interval": 1, **overrides}
    options["configs"] = [*configs, folder / "recorder.yaml"]
    whole, killed = folder / "whole", folder / "killed"
    finished = run_bundle(**options, output_dir=whole)
    assert finished.returncode == 0, finished.stderr[-2000:]
    kill_after(len(read_steps(whole)) // 2 + 2, killed, options)
    assert len(read_steps(killed)) < len(read_steps(whole))
    again = run_bundle(**options, output_dir=killed)
    assert again.returncode == 0 and f"Continuing from {killed}" in again.stdout, again.stderr[-2000:]
    expected, found = (torch.load(folder / "checkpoint.pt", weights_only=True) for folder in (whole, killed))
    assert_equal(expected, found, ignore="seconds")
    assert_equal(*(torch.load(folder / "model.pt", weights_only=True) for folder in (whole, killed)))
    rows = [pd.read_csv(folder / "metrics.csv").drop(columns="seconds") for folder in (whole, killed)]
    pd.testing.assert_frame_equal(*rows, check_exact=True)
    last = {step["iteration"]: step for step in read_steps(killed)}  # a step done twice is the same step
    assert list(last.values()) == read_steps(whole)
    return SimpleNamespace(whole=finished.stdout, resumed=again.stdout, checkpoint=found)


def kill_after(steps: int, output_dir: Path, arguments: dict) -> None:
    """Start the run and send SIGKILL when so many steps are recorded; the next one waits until then."""
    command = Command(bundle_command(**arguments, output_dir=output_dir), PROJECT, environment() | {PAUSE: str(steps)})
    try:
        while len(read_steps(output_dir)) < steps:
            assert command.running, command.result().stderr
            time.sleep(0.05)
    finally:
        command.kill()


def assert_equal(expected, found, path: str = "", ignore: str = "") -> None:
    """Equality bit for bit of whatever a checkpoint holds."""
    if isinstance(expected, torch.Tensor):
        assert torch.equal(expected, found), path
    elif isinstance(expected, dict):
        assert expected.keys() == found.keys(), path
        for key in expected:
            if key != ignore:
                assert_equal(expected[key], found[key], f"{path}/{key}", ignore)
    elif isinstance(expected, list | tuple):
        assert len(expected) == len(found), path
        for position, (one, other) in enumerate(zip(expected, found, strict=True)):
            assert_equal(one, other, f"{path}/{position}", ignore)
    else:
        assert expected == found, path
