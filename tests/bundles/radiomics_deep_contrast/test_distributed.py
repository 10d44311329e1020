"""Two processes train as one does on the joined batch."""

from __future__ import annotations

import pytest
import torch

from tests.bundles.commands import PROJECT, run_bundle, run_in_two_processes
from tests.bundles.recorder import interleave, read_steps

CONFIGS = PROJECT / "bundles/radiomics_deep_contrast/configs"
# As for the other bundles: in single precision two equal runs part within some steps; double precision shows what is
# equal. Each process drops features of its own, so none are dropped.
EXACT = """
+train#handlers:
- _target_: tests.bundles.recorder.StepRecorder
  folder: '@output_dir'
prepare_batch#_target_: tests.bundles.radiomics_deep_contrast.double_precision.DoubleImageAndRadiomics
train#handlers#3#prepare_batch#_target_: tests.bundles.radiomics_deep_contrast.double_precision.DoubleImageAndRadiomics
network_start: $(@banks.double(), @network_def.double())[1]
learning_rate: 0.001
radiomics_dropout: 0.0
"""


@pytest.mark.slow
def test_two_processes_have_the_batches_the_banks_the_loss_and_the_weights_of_one(tiny, tmp_path):
    (tmp_path / "exact.yaml").write_text(EXACT)
    arguments = {**tiny, "run_id": "training", "batch_size": 8, "max_epochs": 2, "radiomics_batch_norm": True}
    arguments["cache_dir"] = tmp_path / "cache"
    del arguments["quiet"]  # multi_gpu.yaml sets it
    one, two = tmp_path / "one", tmp_path / "two"
    files = [CONFIGS / "pretrain.yaml", CONFIGS / "thyroid.yaml", tmp_path / "exact.yaml"]
    single = run_bundle(configs=files, output_dir=one, **arguments)
    assert single.returncode == 0, single.stderr[-2000:]
    double = run_in_two_processes(
        configs=[*files[:2], CONFIGS / "multi_gpu.yaml", files[2]], output_dir=two, **arguments
    )
    assert double.returncode == 0, double.stderr[-2000:]
    steps, parts = read_steps(one), [read_steps(two, rank) for rank in range(2)]
    assert len(steps) == len(parts[0]) == len(parts[1]) == 4
    for step, first, second in zip(steps, *parts, strict=True):
        assert interleave(first["index"], second["index"]) == step["index"]
        assert (first["loss"] + second["loss"]) / 2 == pytest.approx(step["loss"], abs=1e-6)
    expected, found = (torch.load(folder / "checkpoint.pt", weights_only=True) for folder in (one, two))
    for part in ("network", "banks"):
        assert expected[part].keys() == found[part].keys()
        for name, value in expected[part].items():
            torch.testing.assert_close(found[part][name], value, rtol=1e-5, atol=1e-7, msg=name, equal_nan=True)
