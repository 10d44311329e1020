"""A classifier's prediction for one study."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch

__all__ = ["NO_CALL", "ModelIdentity", "Prediction"]

#: Name of the last output channel of a classifier that may abstain, and of its call if it does.
NO_CALL = "no call"


@dataclass(frozen=True)
class ModelIdentity:
    """Identity of a model.

    Attributes:
        name: name in the metadata.
        version: version in the metadata.
        sha256: hash of the weights file.
    """

    name: str
    version: str
    sha256: str


@dataclass(frozen=True)
class Prediction:
    """Probabilities by class name, and the call.

    Attributes:
        probabilities: probabilities by class, in the order of the network's channels; they sum to 1.
        abstains: whether the largest of them is below the model's threshold.
        model: identity of the model.
    """

    probabilities: Mapping[str, float]
    abstains: bool
    model: ModelIdentity

    @classmethod
    def of_output(cls, output: torch.Tensor, channels: Sequence[str], model: ModelIdentity) -> Prediction:
        """Read a network's output.

        Args:
            output: output for one case, ``[K]`` probabilities, or ``[K + 1]`` with 1 for "no call", else 0, at the end.
            channels: names of the outputs.
            model: identity of the model.
        """
        values = [float(value) for value in output]
        abstains = channels[-1] == NO_CALL and values[-1] > 0.5
        named = zip(channels, values, strict=True)
        return cls({name: value for name, value in named if name != NO_CALL}, abstains, model)

    @property
    def most_likely(self) -> str:
        """The class with the largest probability, called or not."""
        return max(self.probabilities, key=self.probabilities.__getitem__)

    @property
    def call(self) -> str:
        """The most likely class, or "no call"."""
        return NO_CALL if self.abstains else self.most_likely
