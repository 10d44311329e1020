from .affine import BatchRandAffine
from .augment import BatchAugment
from .bezier import BatchRandBezier
from .color_jitter import BatchRandColorJitter
from .contrast import BatchRandAdjustContrast
from .crop import BatchRandResizedCrop
from .crop_to_mask import CropToMaskd
from .enhance import BatchRandGaussianSharpen, BatchRandGaussianSmooth
from .flip import BatchRandFlip
from .image_reader import CheckedReader
from .jigsaw import JigsawTiles, distant_permutations
from .load_modalities import LoadModalitiesd
from .local_shuffle import BatchRandLocalShuffle
from .mask_where_given import MaskWhereGivend
from .masking_noise import BatchRandMaskingNoise
from .models_genesis import BatchModelsGenesis
from .noise import BatchRandGaussianNoise
from .normalize import BatchNormalize
from .one_of import BatchOneOf
from .orient_volumes import OrientVolumesd
from .painting import BatchRandPaint
from .radiomics_features import RadiomicsFeaturesd
from .rubik import RubikCubes, RubikMoves
from .sample_clips import RandSampleClipsd
from .select_slice import SelectSliced
from .select_uniform_slices import SelectUniformSlicesd

__all__ = [
    "BatchAugment",
    "BatchModelsGenesis",
    "BatchNormalize",
    "BatchOneOf",
    "BatchRandAdjustContrast",
    "BatchRandAffine",
    "BatchRandBezier",
    "BatchRandColorJitter",
    "BatchRandFlip",
    "BatchRandGaussianNoise",
    "BatchRandGaussianSharpen",
    "BatchRandGaussianSmooth",
    "BatchRandLocalShuffle",
    "BatchRandMaskingNoise",
    "BatchRandPaint",
    "BatchRandResizedCrop",
    "CheckedReader",
    "CropToMaskd",
    "JigsawTiles",
    "LoadModalitiesd",
    "MaskWhereGivend",
    "OrientVolumesd",
    "RadiomicsFeaturesd",
    "RandSampleClipsd",
    "RubikCubes",
    "RubikMoves",
    "SelectSliced",
    "SelectUniformSlicesd",
    "distant_permutations",
]
