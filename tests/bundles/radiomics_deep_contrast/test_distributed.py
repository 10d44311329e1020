"""Two processes train as one does on the joined batch."""

from __future__ import annotations

import pytest

from tests.bundles.process_groups import check_two_processes

# Each process drops features of its own, so none are dropped.
EXACT = """
prepare_batch#_target_: tests.bundles.radiomics_deep_contrast.double_precision.DoubleImageAndRadiomics
prepare_first_pass#_target_: tests.bundles.radiomics_deep_contrast.double_precision.DoubleImageAndRadiomics
network_start: $(@banks.double(), @network_def.double())[1]
learning_rate: 0.001
radiomics_dropout: 0.0
"""


@pytest.mark.slow
def test_two_processes_have_the_batches_the_banks_the_loss_and_the_weights_of_one(configs, tiny, tmp_path):
    options = tiny | {"batch_size": 8, "max_epochs": 2, "radiomics_batch_norm": True, "cache_dir": tmp_path / "cache"}
    files = [configs / "pretrain.yaml", configs / "thyroid.yaml"]
    tolerances = {"loss_tolerance": 1e-6, "rtol": 1e-5, "atol": 1e-7}
    check_two_processes(files, EXACT, tmp_path, ("network", "banks"), **tolerances, **options)
