from .affine import BatchRandAffine
from .augment import BatchAugment
from .color_jitter import BatchRandColorJitter
from .contrast import BatchRandAdjustContrast
from .crop import BatchRandResizedCrop
from .enhance import BatchRandGaussianSharpen, BatchRandGaussianSmooth
from .flip import BatchRandFlip
from .load_modalities import LoadModalitiesd
from .mask_where_given import MaskWhereGivend
from .noise import BatchRandGaussianNoise
from .normalize import BatchNormalize
from .one_of import BatchOneOf
from .orient_volumes import OrientVolumesd
from .radiomics_features import RadiomicsFeaturesd
from .select_slice import SelectSliced

__all__ = [
    "BatchAugment",
    "BatchNormalize",
    "BatchOneOf",
    "BatchRandAdjustContrast",
    "BatchRandAffine",
    "BatchRandColorJitter",
    "BatchRandFlip",
    "BatchRandGaussianNoise",
    "BatchRandGaussianSharpen",
    "BatchRandGaussianSmooth",
    "BatchRandResizedCrop",
    "LoadModalitiesd",
    "MaskWhereGivend",
    "OrientVolumesd",
    "RadiomicsFeaturesd",
    "SelectSliced",
]
