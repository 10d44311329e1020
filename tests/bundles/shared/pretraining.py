"""pretrain.yaml runs with every overlay and option."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from pathlib import Path

import pandas as pd
import pytest
import torch

from tests.bundles.bundle_files import read_config

WATCHED = ["feature_std", "effective_rank", "alignment", "uniformity", "own_key_rank", "knn_balanced_accuracy"]


def monitored(configs: Path, **arguments: float) -> dict[str, float]:
    """Options that set arguments of the collapse monitor."""
    handlers = [handler["_target_"] for handler in read_config(configs / "pretrain.yaml")["train"]["handlers"]]
    place = f"train__handlers__{handlers.index('common.handlers.CollapseMonitor')}"
    return {f"{place}__{name}": value for name, value in arguments.items()}


class SharedPretraining:
    """Tests of every bundle's ``test_pretrain.py``."""

    #: overlays and options of a run that is done twice
    repeated: Sequence[str] = ()
    repeated_with: Mapping[str, object] = {}

    def test_the_same_command_gives_the_same_weights(self, pretrain):
        runs = [pretrain(*self.repeated, output=output, **self.repeated_with)[1] for output in (None, "again")]
        one, other = (torch.load(output_dir / "model.pt", weights_only=True) for output_dir in runs)
        assert one.keys() == other.keys() and all(torch.equal(one[name], other[name]) for name in one)

    def test_stop_on_collapse_ends_a_run_whose_features_are_all_equal(self, pretrain, configs, tmp_path):
        options = {"learning_rate": 0.0, **monitored(configs, min_feature_std=10.0, patience=1)}
        with pytest.raises(RuntimeError) as caught:
            pretrain(output="output", stop_on_collapse="true", **options)
        assert "collapsing" in str(caught.value.__cause__)
        assert not (tmp_path / "output/model.pt").exists()


class SharedPretexts:
    """Tests of the pretext tasks in ``test_pretrain.py``, whose steps need one view."""

    #: overlays
    pretexts: Sequence[str]

    def test_a_pretext_task_is_watched_like_a_contrast_and_its_training_is_as_without(
        self, pretrain, pretext, configs, caplog
    ):
        runs, options = {}, {"learning_rate": 0.0, "max_epochs": 3, **monitored(configs, patience=1)}
        for watch in ("true", "false"):
            with caplog.at_level(logging.WARNING):
                _, folder = pretrain(pretext, output=watch, watch_collapse=watch, **options)
            runs[watch] = pd.read_csv(folder / "metrics.csv"), torch.load(folder / "model.pt", weights_only=True)
            # at rate 0 chance lets a loss fall in one epoch of 40
            assert ("no fall of the loss beyond its noise for" in caplog.text) == (watch == "true")
            caplog.clear()
        (watched, weights), (plain, expected) = runs.values()
        assert watched[WATCHED].notna().all(axis=None) and watched["epochs_unlearnt"].max() >= 1
        assert (watched["epochs_at_chance"] == 0).all()
        assert (watched["own_key_rank"].between(0, 1) & (watched["alignment"] > 0)).all()  # two views, not one twice
        assert not set(WATCHED) & set(plain) and list(watched["loss"]) == list(plain["loss"])
        assert all(torch.equal(weights[name], value) for name, value in expected.items())
