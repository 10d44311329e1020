"""Names of PyRadiomics' features and image types, which its package gives only with SimpleITK imported."""

from __future__ import annotations

__all__ = ["FEATURES", "IMAGE_TYPES"]

#: Features by class that are measured by default, in the order of PyRadiomics; without deprecated ones.
FEATURES = {
    name: tuple(names.split())
    for name, names in {
        "firstorder": """
            10Percentile 90Percentile Energy Entropy InterquartileRange Kurtosis Maximum
            MeanAbsoluteDeviation Mean Median Minimum Range RobustMeanAbsoluteDeviation RootMeanSquared
            Skewness TotalEnergy Uniformity Variance
        """,
        "glcm": """
            Autocorrelation ClusterProminence ClusterShade ClusterTendency Contrast Correlation
            DifferenceAverage DifferenceEntropy DifferenceVariance Id Idm Idmn Idn Imc1 Imc2
            InverseVariance JointAverage JointEnergy JointEntropy MCC MaximumProbability SumAverage
            SumEntropy SumSquares
        """,
        "gldm": """
            DependenceEntropy DependenceNonUniformity DependenceNonUniformityNormalized DependenceVariance
            GrayLevelNonUniformity GrayLevelVariance HighGrayLevelEmphasis LargeDependenceEmphasis
            LargeDependenceHighGrayLevelEmphasis LargeDependenceLowGrayLevelEmphasis LowGrayLevelEmphasis
            SmallDependenceEmphasis SmallDependenceHighGrayLevelEmphasis
            SmallDependenceLowGrayLevelEmphasis
        """,
        "glrlm": """
            GrayLevelNonUniformity GrayLevelNonUniformityNormalized GrayLevelVariance
            HighGrayLevelRunEmphasis LongRunEmphasis LongRunHighGrayLevelEmphasis
            LongRunLowGrayLevelEmphasis LowGrayLevelRunEmphasis RunEntropy RunLengthNonUniformity
            RunLengthNonUniformityNormalized RunPercentage RunVariance ShortRunEmphasis
            ShortRunHighGrayLevelEmphasis ShortRunLowGrayLevelEmphasis
        """,
        "glszm": """
            GrayLevelNonUniformity GrayLevelNonUniformityNormalized GrayLevelVariance
            HighGrayLevelZoneEmphasis LargeAreaEmphasis LargeAreaHighGrayLevelEmphasis
            LargeAreaLowGrayLevelEmphasis LowGrayLevelZoneEmphasis SizeZoneNonUniformity
            SizeZoneNonUniformityNormalized SmallAreaEmphasis SmallAreaHighGrayLevelEmphasis
            SmallAreaLowGrayLevelEmphasis ZoneEntropy ZonePercentage ZoneVariance
        """,
        "ngtdm": """
            Busyness Coarseness Complexity Contrast Strength
        """,
        "shape": """
            Elongation Flatness LeastAxisLength MajorAxisLength Maximum2DDiameterColumn
            Maximum2DDiameterRow Maximum2DDiameterSlice Maximum3DDiameter MeshVolume MinorAxisLength
            Sphericity SurfaceArea SurfaceVolumeRatio VoxelVolume
        """,
        "shape2D": """
            Elongation MajorAxisLength MaximumDiameter MeshSurface MinorAxisLength Perimeter
            PerimeterSurfaceRatio PixelSurface Sphericity
        """,
    }.items()
}

#: Types of (filtered) images.
IMAGE_TYPES = (
    "Exponential",
    "Gradient",
    "LBP2D",
    "LBP3D",
    "LoG",
    "Logarithm",
    "Original",
    "Square",
    "SquareRoot",
    "Wavelet",
)
