from __future__ import annotations

import torch
from torch import nn
from torch.nn import functional

from common.networks import SliceEncoder


def test_features_are_the_mean_of_the_slices_of_each_modality_alone():
    encoder = nn.Conv2d(1, 3, 3)
    x = 255 * torch.rand(2, 2, 6, 8, 3)  # so short an axis that its last slice stands for one beyond the border
    found = SliceEncoder(encoder, image_size=[5, 7])(x)
    assert found.shape == (2, 2 * 3)
    for row in range(2):
        for modality in range(2):
            volume = x[row, modality]
            slices = [volume[i] for i in (1, 3, 5)] + [volume[:, i] for i in (2, 4, 6)]
            slices += [volume[:, :, i] for i in (0, 1, 2)]
            resized = [
                functional.interpolate(s[None, None], size=(5, 7), mode="bilinear", antialias=True) for s in slices
            ]
            alone = torch.stack([encoder(part / 127.5 - 1).mean((2, 3))[0] for part in resized]).mean(0)
            torch.testing.assert_close(found[row, 3 * modality : 3 * modality + 3], alone)
