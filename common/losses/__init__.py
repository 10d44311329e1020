from .age_aware import AgeAwareLoss
from .feature_correspondence import FeatureCorrespondenceLoss
from .info_nce import info_nce
from .jigsaw import JigsawLoss
from .long_short import LongShortLoss
from .negative_cosine import NegativeCosineLoss
from .normalized_mse import NormalizedMSELoss
from .nt_xent import NTXentLoss
from .queue_info_nce import QueueInfoNCELoss
from .restoration import RestorationLoss
from .rubik import RubikLoss

__all__ = [
    "AgeAwareLoss",
    "FeatureCorrespondenceLoss",
    "JigsawLoss",
    "LongShortLoss",
    "NTXentLoss",
    "NegativeCosineLoss",
    "NormalizedMSELoss",
    "QueueInfoNCELoss",
    "RestorationLoss",
    "RubikLoss",
    "info_nce",
]
