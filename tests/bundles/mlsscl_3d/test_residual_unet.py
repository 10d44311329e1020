from __future__ import annotations

import pytest
import torch

from common.networks import PretrainedUNet, ResidualUNetEncoder


@pytest.mark.parametrize("name", ["pretrain.yaml", "train.yaml", "train_segmentation.yaml"])
def test_the_overlay_gives_every_config_the_encoder_that_nnssl_s_weights_fit(
    name, open_bundle, configs, clips, tiny, patches, tmp_path
):
    options = {"pretrain.yaml": clips, "train.yaml": tiny, "train_segmentation.yaml": patches}[name]
    options = options | {"output_dir": tmp_path, "backbone__num_blocks": [1, 1, 1, 1]}
    parser = open_bundle(configs / name, configs / "residual_unet.yaml", **options).parser
    backbone, network = parser.get_parsed_content("backbone"), parser.get_parsed_content("network_def")
    assert isinstance(backbone, ResidualUNetEncoder) and any(module is backbone for module in network.modules())
    volumes = torch.rand(2, parser.get_parsed_content("in_channels"), 16, 16, 16)
    assert backbone(volumes).shape == (2, options["channels"][-1])
    if isinstance(network, PretrainedUNet):
        assert network(volumes).shape == (2, parser.get_parsed_content("num_classes"), 16, 16, 16)
    else:
        assert name != "train_segmentation.yaml"
