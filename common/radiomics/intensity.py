"""First-order statistics with all percentiles from one pass, and powers by multiplication."""

# names of PyRadiomics' methods
# flake8: noqa: N802

from __future__ import annotations

from functools import cached_property

import numpy as np
from radiomics.firstorder import RadiomicsFirstOrder

from .grey_levels import GreyLevels

__all__ = ["FastIntensity"]


class FastIntensity(RadiomicsFirstOrder):
    """PyRadiomics' class without its search for NaN in each feature: a lesion has none (see ``GreyLevels.of``)."""

    @cached_property
    def _percentiles(self) -> dict[int, np.ndarray]:
        wanted = (10, 25, 50, 75, 90)
        return dict(zip(wanted, np.percentile(self.targetVoxelArray, wanted, axis=1), strict=True))

    def getEnergyFeatureValue(self) -> np.ndarray:
        """Sum of the squares."""
        shifted = self.targetVoxelArray[0] + self.voxelArrayShift
        return np.array([shifted @ shifted])

    def getRootMeanSquaredFeatureValue(self) -> np.ndarray:
        """Square root of the mean square."""
        return np.sqrt(self.getEnergyFeatureValue() / self.targetVoxelArray.size)

    def getMeanFeatureValue(self) -> np.ndarray:
        """Mean."""
        return self.targetVoxelArray.mean(1)

    def getMinimumFeatureValue(self) -> np.ndarray:
        """Minimum."""
        return self.targetVoxelArray.min(1)

    def getMaximumFeatureValue(self) -> np.ndarray:
        """Maximum."""
        return self.targetVoxelArray.max(1)

    def getRangeFeatureValue(self) -> np.ndarray:
        """Maximum minus minimum."""
        return np.ptp(self.targetVoxelArray, axis=1)

    def getVarianceFeatureValue(self) -> np.ndarray:
        """Mean square of the distance from the mean."""
        return self._moment(self.targetVoxelArray, 2)

    def getMeanAbsoluteDeviationFeatureValue(self) -> np.ndarray:
        """Mean distance from the mean."""
        return _mean_deviation(self.targetVoxelArray)

    def getRobustMeanAbsoluteDeviationFeatureValue(self) -> np.ndarray:
        """Mean distance from the mean between the 10th and the 90th percentile."""
        values = self.targetVoxelArray[0]
        within = (values >= self._percentiles[10]) & (values <= self._percentiles[90])
        return _mean_deviation(values[within][None])

    @staticmethod
    def _moment(a: np.ndarray, moment: int = 1) -> np.ndarray:
        """Central moment; ``numpy.power`` takes ten times as long as the products."""
        distance = a - np.mean(a, 1, keepdims=True)
        product = distance
        for _ in range(moment - 1):
            product = product * distance
        return np.mean(product, 1)

    def _initCalculation(self, voxels: None = None) -> None:
        levels: GreyLevels = self.settings["grey_levels"]
        self.targetVoxelArray = self.imageArray[self.maskArray].astype(float).reshape(1, -1)
        self.coefficients["p_i"] = np.bincount(levels.rank)[None] / len(levels.rank)

    def get10PercentileFeatureValue(self) -> np.ndarray:
        """10th percentile."""
        return self._percentiles[10]

    def get90PercentileFeatureValue(self) -> np.ndarray:
        """90th percentile."""
        return self._percentiles[90]

    def getMedianFeatureValue(self) -> np.ndarray:
        """Median."""
        return self._percentiles[50]

    def getInterquartileRangeFeatureValue(self) -> np.ndarray:
        """75th percentile minus 25th."""
        return self._percentiles[75] - self._percentiles[25]


def _mean_deviation(values: np.ndarray) -> np.ndarray:
    return np.mean(np.abs(values - values.mean(1, keepdims=True)), 1)
