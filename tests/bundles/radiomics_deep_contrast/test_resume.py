"""A run that is killed and started again ends with the weights and banks of one that was never killed."""

from __future__ import annotations

import pytest

from tests.bundles.killing import check_killed_run


@pytest.mark.slow
@pytest.mark.parametrize("stage", [("pretrain", "negatives"), ("train", "hybrid")], ids=lambda stage: stage[0])
def test_a_run_killed_within_an_epoch_ends_with_the_same_weights(stage, configs, tiny, tmp_path):
    options = tiny | (
        {} if stage[0] == "pretrain" else {"average_share": 0.5, "probing_epochs": 1, "encoder_rate": 0.5}
    )
    runs = check_killed_run([configs / f"{name}.yaml" for name in stage], tmp_path, **options, batch_size=4)
    if stage[0] == "pretrain":
        banks = runs.checkpoint["banks"]
        assert {"image", "radiomics", "log_normalizers"} <= banks.keys() and banks["filled"].all()
        assert "The memory banks are filled" in runs.whole and "The memory banks are filled" not in runs.resumed
