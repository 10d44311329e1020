from __future__ import annotations

import torch
from torch import nn

from common.networks import BottleneckEncoder, CalibratedSoftmax, EncoderClassifier


def classifier(**kwargs) -> EncoderClassifier:
    torch.manual_seed(0)
    return EncoderClassifier(BottleneckEncoder(3, 2, channels=(2, 2, 2, 2)), num_classes=3, **kwargs).eval()


def test_probabilities_are_the_softmax_of_the_logits():
    x = torch.rand(4, 2, 9, 9, 9)
    torch.testing.assert_close(classifier(probabilities=nn.Softmax(dim=1))(x), classifier()(x).softmax(dim=1))


def test_logits_and_probabilities_share_one_state_dict():
    classifier(probabilities=CalibratedSoftmax(2.0, 0.5)).load_state_dict(classifier().state_dict())


def test_it_scripts_and_gives_the_same():
    network, x = classifier(probabilities=CalibratedSoftmax(2.0, 0.5)), torch.rand(2, 2, 9, 9, 9)
    torch.testing.assert_close(torch.jit.script(network)(x), network(x))
