"""pretrain.yaml runs with every overlay and option."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pytest
import torch

from tests.bundles.bundle_files import read_config


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
        handlers = [handler["_target_"] for handler in read_config(configs / "pretrain.yaml")["train"]["handlers"]]
        monitor = f"train__handlers__{handlers.index('common.handlers.CollapseMonitor')}"
        options = {f"{monitor}__min_feature_std": 10.0, f"{monitor}__patience": 1, "learning_rate": 0.0}
        with pytest.raises(RuntimeError) as caught:
            pretrain(output="output", stop_on_collapse="true", **options)
        assert "collapsing" in str(caught.value.__cause__)
        assert not (tmp_path / "output/model.pt").exists()
