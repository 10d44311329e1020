from __future__ import annotations

import torch
from torch import nn

from common.networks import EachModality


def test_each_modality_is_encoded_alone():
    encoder = nn.Sequential(nn.Conv2d(1, 4, 3), nn.AdaptiveAvgPool2d(1), nn.Flatten())
    x = torch.rand(2, 3, 8, 8)
    found = EachModality(encoder)(x)
    assert found.shape == (2, 3, 4)
    for row in range(2):
        for modality in range(3):
            alone = encoder(x[row, modality][None, None])[0]
            torch.testing.assert_close(found[row, modality], alone)
