"""Two processes train as one does on the joined batch."""

from __future__ import annotations

import pytest
import torch

from tests.bundles.commands import PROJECT, run_bundle, run_in_two_processes
from tests.bundles.recorder import interleave, read_steps

CONFIGS = PROJECT / "bundles/siam3d_imbalance/configs"
# Batch norm over few samples blows rounding up, and Adam makes whole steps of the sign of a gradient near zero: in
# single precision two equal runs part within some steps. Double precision and SGD show what is equal.
EXACT = """
+train#handlers:
- _target_: tests.bundles.recorder.StepRecorder
  folder: '@output_dir'
prepare_batch#_target_: tests.bundles.double_precision.DoubleViews
train#handlers#1#prepare_batch#_target_: tests.bundles.double_precision.DoubleImage
network_def: '$@siamese.double()'
siamese:
  _target_: common.networks.SiameseNetwork
  encoder:
    _target_: common.networks.BottleneckEncoder
    in_channels: 4
    channels: [4, 4, 4, 4]
  predictor:
    _target_: common.networks.PredictionHead
optimizer#_target_: torch.optim.SGD
learning_rate: 0.001
"""


@pytest.mark.slow
@pytest.mark.parametrize(("strategy", "features"), [("re", "fresh"), ("se", "fresh"), ("se", "bank")])
def test_two_processes_have_the_loss_the_choice_and_the_weights_of_one(strategy, features, brain_phantoms, tmp_path):
    (tmp_path / "exact.yaml").write_text(EXACT)
    arguments = {
        "run_id": "training",
        "dataset_dir": brain_phantoms,
        "cache_dir": tmp_path / "cache",
        "box_size": [27, 27, 27],
        "batch_size": 4,
        "candidates_per_cluster": 4,
        "max_epochs": 2,
        "strategy": strategy,
        "features": features,
    }
    one, two = tmp_path / "one", tmp_path / "two"
    configs = [CONFIGS / "pretrain.yaml", tmp_path / "exact.yaml"]
    single = run_bundle(configs=configs, output_dir=one, **arguments)
    assert single.returncode == 0, single.stderr[-2000:]
    overlay = [configs[0], CONFIGS / "multi_gpu.yaml", configs[1]]
    double = run_in_two_processes(configs=overlay, output_dir=two, **arguments)
    assert double.returncode == 0, double.stderr[-2000:]
    steps, parts = read_steps(one), [read_steps(two, rank) for rank in range(2)]
    assert len(steps) == len(parts[0]) == len(parts[1])
    for step, first, second in zip(steps, *parts, strict=True):
        assert interleave(first["index"], second["index"]) == step["index"]
        assert (first["loss"] + second["loss"]) / 2 == pytest.approx(step["loss"], abs=1e-5)
        if step["weight"]:
            assert interleave(first["weight"], second["weight"]) == step["weight"]
    assert any(step["weight"] for step in steps) == (strategy == "re")
    expected, found = (torch.load(folder / "model.pt", weights_only=True) for folder in (one, two))
    for name in expected:
        torch.testing.assert_close(found[name], expected[name], rtol=1e-3, atol=1e-6, msg=name)
