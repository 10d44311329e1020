"""Two processes train as one does on the joined batch."""

from __future__ import annotations

import pytest

from tests.bundles.process_groups import check_two_processes

# Each process draws its own dropped connections, so there are none.
EXACT = """
prepare_batch#_target_: tests.bundles.double_precision.DoubleModalityViews
network_start: $@network_def.double()
optimizer#_target_: torch.optim.SGD
learning_rate: 0.0001
drop_connect_rate: 0.0
"""


@pytest.mark.slow
@pytest.mark.parametrize("method", ["byol_mda", "simclr_mda"])
def test_two_processes_have_the_pairs_the_loss_and_the_weights_of_one(method, configs, tiny, tmp_path):
    options = tiny | {"cache_dir": tmp_path / "cache", "batch_size": 8, "max_epochs": 1, "image_size": [40, 40]}
    check_two_processes([configs / "pretrain.yaml", configs / f"{method}.yaml"], EXACT, tmp_path, **options)
