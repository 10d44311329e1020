"""The command lines that tests start, as a user would."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from common.bundle_configs import BASES
from tests.python_commands import in_one_group, run_group, run_python

PROJECT = Path(__file__).resolve().parents[2]


class Exportable(NamedTuple):
    """A classifier to export: its weights, the overrides of its network, and the overlays of its training."""

    checkpoint: Path
    network: Mapping[str, object]
    overlays: Sequence[str] = ()


def over_training(configs: Sequence[str | Path]) -> list[str | Path]:
    """The files, after that of the training over which the first one lies."""
    first = Path(configs[0])
    return [*([first.with_name(f"{BASES[first.stem]}.yaml")] if first.stem in BASES else []), *configs]


def bundle_command(run_id: str, configs: list[str | Path], **overrides: object) -> list[str]:
    """``-m monai.bundle run <run_id> ...``; overrides have ``__`` for ``#``."""
    files = "[" + ",".join(f"'{config}'" for config in over_training(configs)) + "]"
    pairs = [text for key, value in overrides.items() for text in (f"--{key.replace('__', '#')}", str(value))]
    return ["-m", "monai.bundle", "run", run_id, "--config_file", files, *pairs]


def run_bundle(run_id: str, configs: list[str | Path], **overrides: object) -> subprocess.CompletedProcess[str]:
    """Run it to the end in the project's folder, on one thread."""
    return run_python(bundle_command(run_id, configs, **overrides), PROJECT, environment())


def run_in_two_processes(
    run_id: str, configs: list[str | Path], **overrides: object
) -> subprocess.CompletedProcess[str]:
    """Run it in the two processes that ``torchrun --nproc_per_node=2`` would start."""
    return run_group(bundle_command(run_id, configs, **overrides), PROJECT, in_one_group(environment()))


def run_by_torchrun(run_id: str, configs: list[str | Path], **overrides: object) -> subprocess.CompletedProcess[str]:
    """Run it in two processes as users do, which takes twenty seconds more."""
    start = ["-m", "torch.distributed.run", "--standalone", "--nproc_per_node=2"]
    return run_python([*start, *bundle_command(run_id, configs, **overrides)], PROJECT, environment())


def export_classifier(
    path: Path,
    configs: Path,
    checkpoint: Path,
    overlays: Sequence[str] = (),
    stage: str = "evaluate",
    **overrides: object,
) -> Path:
    """``model.ts`` of a classifier, by the export command of the bundle's README."""
    files = [configs / name for name in (f"{stage}.yaml", *overlays)]
    options = {"checkpoint": checkpoint, "torchscript": path, "device": "cpu", **overrides}
    result = run_bundle("exporting", files, **options)
    assert result.returncode == 0, result.stderr
    return path


def environment() -> dict[str, str]:
    """One thread for each process, so that sums are added in one order."""
    return {**os.environ, "OMP_NUM_THREADS": "1"}
