"""train.yaml fine-tunes the encoder of a pre-training, and trains from scratch."""

from __future__ import annotations

import json

import pandas as pd
import torch


class SharedTraining:
    """Tests of ``test_train.py`` where a pre-trained encoder is fine-tuned as a whole."""

    #: where the encoder lies in the weights of a pre-training
    prefix = ""

    def test_training_from_scratch_reports_the_validation_of_each_epoch(self, train):
        workflow, output_dir = train(max_epochs=2)
        metrics = pd.read_csv(output_dir / "metrics.csv")
        assert list(metrics["epoch"]) == [1, 2]
        assert metrics["loss"].gt(0).all() and metrics["val_auc"].between(0, 1).all()
        weights = torch.load(output_dir / "model.pt", weights_only=True)
        assert weights.keys() == workflow.network_def.state_dict().keys()
        assert json.loads((output_dir / "metrics.json").read_text())[1]["epoch"] == 2

    def test_fine_tuning_in_several_processes_starts_from_the_pretrained_encoder_too(
        self, open_bundle, configs, tiny, pretrained, tmp_path, one_process_group
    ):
        files = [configs / "train.yaml", configs / "multi_gpu.yaml"]
        overrides = {key: value for key, value in tiny.items() if key != "quiet"}
        workflow = open_bundle(*files, output_dir=tmp_path, pretrained_encoder=pretrained, **overrides)
        workflow.initialize()
        weights = workflow.parser.get_parsed_content("network").module.state_dict()
        source = torch.load(pretrained, weights_only=True)
        names = [name for name in weights if name.startswith("encoder.")]
        assert names and all(torch.equal(weights[name], source[self.prefix + name]) for name in names)
        workflow.finalize()
