"""Killing a run between two steps, and comparing what two runs left."""

from __future__ import annotations

import time
from pathlib import Path

import torch

from tests.bundles.commands import PROJECT, bundle_command, environment
from tests.bundles.recorder import PAUSE, read_steps
from tests.python_commands import Command


def kill_after(steps: int, output_dir: Path, arguments: dict) -> None:
    """Start the run and send SIGKILL when so many steps are recorded; the next step waits a moment."""
    command = Command(bundle_command(**arguments, output_dir=output_dir), PROJECT, environment() | {PAUSE: "0.2"})
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
