from __future__ import annotations

import torch
from torch import nn

from common.networks import EncoderClassifier, with_probabilities


class Flat(nn.Flatten):
    out_features = 6


def test_a_classifier_gives_the_softmax_of_its_logits_with_the_same_weights():
    classifier = EncoderClassifier(Flat(), num_classes=3)
    names = list(classifier.state_dict())
    image = torch.rand(2, 2, 3)
    logits = classifier(image)
    assert with_probabilities(classifier, nn.Softmax(dim=1)) is classifier
    torch.testing.assert_close(classifier(image), logits.softmax(dim=1))
    torch.testing.assert_close(torch.jit.script(classifier)(image), logits.softmax(dim=1))
    assert list(classifier.state_dict()) == names
