from __future__ import annotations

import torch

from common.networks import BottleneckEncoder, EncoderClassifier


def classifier(**kwargs) -> EncoderClassifier:
    torch.manual_seed(0)
    return EncoderClassifier(BottleneckEncoder(3, 2, channels=(2, 2, 2, 2)), num_classes=3, **kwargs).eval()


def test_probabilities_are_the_softmax_of_the_logits():
    x = torch.rand(4, 2, 9, 9, 9)
    torch.testing.assert_close(classifier(softmax=True)(x), classifier()(x).softmax(dim=1))


def test_logits_and_probabilities_share_one_state_dict():
    classifier(softmax=True).load_state_dict(classifier().state_dict())


def test_it_scripts_and_gives_the_same():
    network, x = classifier(softmax=True), torch.rand(2, 2, 9, 9, 9)
    torch.testing.assert_close(torch.jit.script(network)(x), network(x))
