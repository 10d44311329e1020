"""A training in two processes, beside the same training in one."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
import torch

from tests.bundles.commands import run_bundle, run_in_two_processes
from tests.bundles.recorder import RECORDER, interleave, read_steps


def check_two_processes(
    configs: Sequence[Path],
    exact: str,
    folder: Path,
    parts: Sequence[str] = ("network",),
    loss_tolerance: float = 1e-5,
    rtol: float = 1e-3,
    atol: float = 1e-6,
    run_two: Callable = run_in_two_processes,
    **overrides: object,
) -> tuple[list[dict], list[list[dict]]]:
    """Two processes have the batches, the losses and the weights of one process on the joined batch.

    In single precision two equal runs part within some steps: batch norm over few samples enlarges rounding, and Adam
    makes whole steps of the sign of a gradient near zero. Double precision and plain descent show what is equal.

    Args:
        configs: config files of the training; ``multi_gpu.yaml`` is added for two processes.
        exact: YAML of an overlay with which the runs stay equal.
        folder: empty folder for both runs.
        parts: parts of the checkpoint to compare.
        loss_tolerance: largest difference of the losses.
        rtol: relative tolerance of the parts.
        atol: absolute tolerance of the parts.
        run_two: starts the two processes.
        overrides: ids and values.

    Returns:
        The recorded steps of the one process, and those of each of the two.
    """
    (folder / "exact.yaml").write_text(RECORDER + exact)
    options = {key: value for key, value in overrides.items() if key != "quiet"}  # multi_gpu.yaml sets it
    one, two, overlay = folder / "one", folder / "two", folder / "exact.yaml"
    single = run_bundle("training", [*configs, overlay], output_dir=one, quiet=True, **options)
    assert single.returncode == 0, single.stderr[-2000:]
    double = run_two("training", [*configs, configs[0].with_name("multi_gpu.yaml"), overlay], output_dir=two, **options)
    assert double.returncode == 0, double.stderr[-2000:]
    steps, (first, second) = read_steps(one), [read_steps(two, rank) for rank in range(2)]
    assert len(steps) == len(first) == len(second) > 1
    for step, row, other in zip(steps, first, second, strict=True):
        assert interleave(row["index"], other["index"]) == step["index"]
        assert (row["loss"] + other["loss"]) / 2 == pytest.approx(step["loss"], abs=loss_tolerance)
    expected, found = (torch.load(run / "checkpoint.pt", weights_only=True) for run in (one, two))
    for part in parts:
        assert expected[part].keys() == found[part].keys()
        for name, value in expected[part].items():
            torch.testing.assert_close(found[part][name], value, rtol=rtol, atol=atol, msg=name, equal_nan=True)
    return steps, [first, second]
