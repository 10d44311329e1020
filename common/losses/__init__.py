from .negative_cosine import NegativeCosineLoss
from .normalized_mse import NormalizedMSELoss
from .nt_xent import NTXentLoss

__all__ = [
    "NTXentLoss",
    "NegativeCosineLoss",
    "NormalizedMSELoss",
]
