"""A shared encoder, fusion of the modalities and a linear classifier."""

from __future__ import annotations

import torch
from torch import nn

from ..errors import InputError
from .interfaces import FeatureMapEncoder, VectorEncoder

__all__ = ["FusionClassifier"]


class FusionClassifier(nn.Module):
    """One encoder for all modalities, their feature maps fused, pooled and classified (Chiang et al. 2023, Fig. 2 and
    4.1.2).

    "The pre-trained model serves as a weight-sharing multi-modality encoder": each channel of the image is a modality
    and encoded separately, in one pass. Without fusion it classifies one modality, for Tables 1 and 2: "the base
    encoder f and projector g pre-trained from SimSiam networks and an extra MLP" (section 4.3).

    Args:
        encoder: network from ``B[1]HW`` to a feature map ``BChw`` with attribute ``num_features`` (C).
        fusion: network from ``BCMhw`` to ``BChw`` with attribute ``channels`` (C), such as
            :class:`~common.networks.CrossModalityGroupConv`; ``None`` for images of one modality.
        num_classes: number of classes.
        projector: network from ``B[C]`` to ``B[F]`` with attribute ``out_features`` (F), between pooling and
            classifier; ``None`` for none.
        dropout: probability of dropping a feature in training; "a dropout rate of 0.3".
        probabilities: module from logits to probabilities, for evaluation and export: ``torch.nn.Softmax`` or
            :class:`~common.networks.CalibratedSoftmax`. ``None`` returns logits, for cross-entropy. Both have
            the same weights.
        frozen: whether to train only the linear classifier, "on the top of the frozen base network" (section 4.2); all
            other parts keep their weights and batch statistics.
        hidden_features: width of a hidden layer of the classifier with SiLU and dropout, as "an extra MLP" has one
            (section 4.3); ``None`` for a linear layer.

    Raises:
        InputError: encoder and fusion differ in the number of channels; in ``forward``, there are several modalities
            without fusion.

    Shape:
        ``BMHW -> B[num_classes]``, or the output of ``probabilities``.
    """

    def __init__(
        self,
        encoder: FeatureMapEncoder,
        fusion: nn.Module | None,
        num_classes: int,
        projector: VectorEncoder | None = None,
        dropout: float = 0.3,
        probabilities: nn.Module | None = None,
        frozen: bool = False,
        hidden_features: int | None = None,
    ) -> None:
        super().__init__()
        if fusion is not None and encoder.num_features != fusion.channels:
            raise InputError(
                f"fusion: built for {fusion.channels} channels; expected the encoder's {encoder.num_features}; "
                "set the fusion's channels to it"
            )
        self.encoder = encoder
        self.fusion = OneModality() if fusion is None else fusion
        self.global_pool = nn.AdaptiveAvgPool2d(1)
        self.projector = nn.Identity() if projector is None else projector
        self.dropout = nn.Dropout(dropout)
        width = encoder.num_features if projector is None else projector.out_features
        self.head: nn.Module = nn.Linear(width, num_classes)
        if hidden_features is not None:
            hidden = [nn.Linear(width, hidden_features), nn.SiLU(), nn.Dropout(dropout)]
            self.head = nn.Sequential(*hidden, nn.Linear(hidden_features, num_classes))
        self.probabilities = probabilities
        self.frozen = frozen
        if frozen:
            self.requires_grad_(False)
            self.head.requires_grad_(True)

    def train(self, mode: bool = True) -> FusionClassifier:
        """Set the trained parts to training mode."""
        super().train(mode)
        if self.frozen:
            for name in ("encoder", "fusion", "projector"):
                self.get_submodule(name).eval()
        return self

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Logits, or probabilities."""
        num_modalities = x.shape[1]
        features = self.encoder(x.flatten(0, 1).unsqueeze(1))  # [B*M]Chw
        features = features.unflatten(0, (-1, num_modalities)).transpose(1, 2)  # BCMhw
        pooled = self.projector(self.global_pool(self.fusion(features)).flatten(1))
        logits = self.head(self.dropout(pooled)).float()  # under autocast a softmax would not add up to 1
        return logits if self.probabilities is None else self.probabilities(logits)


class OneModality(nn.Module):
    """No fusion: the only modality's feature map, ``BC1hw -> BChw``."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """The same map."""
        if x.shape[2] != 1:
            raise InputError(
                f"image: {x.shape[2]} modalities and no fusion; expected one modality; name it as modality, or set a "
                "fusion"
            )
        return x.squeeze(2)
