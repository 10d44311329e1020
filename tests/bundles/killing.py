"""Killing a run between two steps, and comparing what two runs left."""

from __future__ import annotations

import signal
import subprocess
import time
from pathlib import Path

import torch

from tests.bundles.commands import PROJECT, bundle_command, environment
from tests.bundles.recorder import PAUSE, read_steps


def kill_after(steps: int, output_dir: Path, arguments: dict) -> None:
    """Start the run and send SIGKILL when so many steps are recorded."""
    command = bundle_command(**arguments, output_dir=output_dir)
    slow = environment() | {PAUSE: "0.5"}
    process = subprocess.Popen(command, cwd=PROJECT, env=slow, stdout=subprocess.DEVNULL)
    try:
        while len(read_steps(output_dir)) < steps:
            assert process.poll() is None, "the run ended before it could be killed"
            time.sleep(0.05)
    finally:
        process.send_signal(signal.SIGKILL)
        process.wait()


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
