"""A run that is killed and started again ends with the weights of one that was never killed."""

from __future__ import annotations

import pytest

from tests.bundles.killing import check_killed_run


@pytest.mark.slow
@pytest.mark.parametrize(("strategy", "features"), [("se", "bank"), ("se", "fresh"), ("re", "fresh")])
def test_a_run_killed_within_an_epoch_ends_with_the_same_weights(strategy, features, configs, tiny, tmp_path):
    options = {"strategy": strategy, "features": features, "candidates_per_cluster": 3, "cache_dir": tmp_path / "cache"}
    options["box_size"] = [16, 16, 16]
    options["batch_size"] = {"se": 2, "re": 4}[strategy]  # re clusters the batch itself: at least k samples
    check_killed_run([configs / "pretrain.yaml"], tmp_path, **tiny | options)
