from .classifier import EncoderClassifier
from .cross_modality import CrossModalityConv, CrossModalityGroupConv
from .each_modality import EachModality
from .efficientnet import EfficientNetBackbone
from .encoder import BottleneckBlock, BottleneckEncoder
from .fusion import FusionClassifier
from .heads import PredictionHead, ProjectionHead
from .imagenet_weights import load_imagenet_weights
from .momentum_siamese import MomentumSiameseNetwork
from .projection import ProjectedEncoder
from .siamese import SiameseNetwork, SiameseOutput
from .sync_batchnorm import convert_sync_batchnorm
from .weights import load_weights, read_checkpoint

__all__ = [
    "BottleneckBlock",
    "BottleneckEncoder",
    "CrossModalityConv",
    "CrossModalityGroupConv",
    "EachModality",
    "EfficientNetBackbone",
    "EncoderClassifier",
    "FusionClassifier",
    "MomentumSiameseNetwork",
    "PredictionHead",
    "ProjectedEncoder",
    "ProjectionHead",
    "SiameseNetwork",
    "SiameseOutput",
    "convert_sync_batchnorm",
    "load_imagenet_weights",
    "load_weights",
    "read_checkpoint",
]
