"""Two processes train as one does on the joined batch."""

from __future__ import annotations

import pytest

from tests.bundles.process_groups import check_two_processes
from tests.bundles.recorder import interleave

EXACT = """
prepare_batch#_target_: tests.bundles.double_precision.DoubleViews
prepare_candidates#_target_: tests.bundles.double_precision.DoubleImage
network_start: $@network_def.double()
optimizer#_target_: torch.optim.SGD
learning_rate: 0.0001
"""


@pytest.mark.slow
@pytest.mark.parametrize(("strategy", "features"), [("re", "fresh"), ("se", "fresh"), ("se", "bank")])
def test_two_processes_have_the_loss_the_choice_and_the_weights_of_one(strategy, features, configs, tiny, tmp_path):
    options = tiny | {"strategy": strategy, "features": features, "cache_dir": tmp_path / "cache"}
    options |= {"batch_size": 4, "candidates_per_cluster": 4, "max_epochs": 2, "box_size": [16, 16, 16]}
    steps, (first, second) = check_two_processes([configs / "pretrain.yaml"], EXACT, tmp_path, **options)
    for step, row, other in zip(steps, first, second, strict=True):
        if step["weight"]:
            assert interleave(row["weight"], other["weight"]) == step["weight"]
    assert any(step["weight"] for step in steps) == (strategy == "re")
