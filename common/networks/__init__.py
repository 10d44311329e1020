from .autoencoder import DenoisingAutoencoder
from .calibrated_softmax import CalibratedSoftmax
from .classifier import EncoderClassifier
from .cross_modality import CrossModalityConv, CrossModalityGroupConv
from .each_modality import EachModality
from .efficientnet import EfficientNetBackbone
from .encoder import BottleneckBlock, BottleneckEncoder
from .encoder_weights import load_encoder_weights, load_unet_weights
from .fold_ensemble import FoldEnsemble
from .folded_batch_norm import folded_batch_norms
from .fusion import FusionClassifier
from .heads import PredictionHead, ProjectionHead, SimSiamProjector
from .hybrid import HybridNetwork, HybridOutput
from .hybrid_classifier import HybridClassifier
from .imagenet_weights import load_imagenet_weights
from .jigsaw import JigsawNetwork
from .layer_groups import layer_groups
from .long_short import LongShortNetwork, LongShortOutput, clip_views, key_views
from .momentum_contrast import MomentumContrastNetwork, MomentumContrastOutput
from .momentum_siamese import MomentumSiameseNetwork
from .pretext import JigsawOutput, RestorationOutput, RubikOutput
from .pretrained_parts import load_parts
from .pretrained_unet import PretrainedUNet
from .probabilities import TemperedSoftmax, with_probabilities
from .projection import ProjectedEncoder
from .radiomics_encoder import RadiomicsEncoder
from .residual_unet_encoder import ResidualUNetEncoder
from .resnet import ResNetBackbone
from .restoration import RestorationNetwork
from .rubik import RubikNetwork
from .siamese import SiameseNetwork, SiameseOutput
from .slice_encoder import SliceEncoder
from .sync_batchnorm import convert_sync_batchnorm
from .unet_encoder import UNetEncoder
from .volume_resnet import VolumeResNet
from .volume_weights import load_volume_weights
from .weights import load_weights

__all__ = [
    "BottleneckBlock",
    "BottleneckEncoder",
    "CalibratedSoftmax",
    "CrossModalityConv",
    "CrossModalityGroupConv",
    "DenoisingAutoencoder",
    "EachModality",
    "EfficientNetBackbone",
    "EncoderClassifier",
    "FoldEnsemble",
    "FusionClassifier",
    "HybridClassifier",
    "HybridNetwork",
    "HybridOutput",
    "JigsawNetwork",
    "JigsawOutput",
    "LongShortNetwork",
    "LongShortOutput",
    "MomentumContrastNetwork",
    "MomentumContrastOutput",
    "MomentumSiameseNetwork",
    "PredictionHead",
    "PretrainedUNet",
    "ProjectedEncoder",
    "ProjectionHead",
    "RadiomicsEncoder",
    "ResNetBackbone",
    "ResidualUNetEncoder",
    "RestorationNetwork",
    "RestorationOutput",
    "RubikNetwork",
    "RubikOutput",
    "SiameseNetwork",
    "SiameseOutput",
    "SimSiamProjector",
    "SliceEncoder",
    "TemperedSoftmax",
    "UNetEncoder",
    "VolumeResNet",
    "clip_views",
    "convert_sync_batchnorm",
    "folded_batch_norms",
    "key_views",
    "layer_groups",
    "load_encoder_weights",
    "load_imagenet_weights",
    "load_parts",
    "load_unet_weights",
    "load_volume_weights",
    "load_weights",
    "with_probabilities",
]
