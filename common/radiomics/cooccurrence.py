"""Features of the grey level co-occurrence matrix with the values of PyRadiomics and far fewer operations."""

# names of PyRadiomics' methods
# flake8: noqa: N802

from __future__ import annotations

import numpy as np
from radiomics.glcm import RadiomicsGLCM

__all__ = ["FastCooccurrence"]


class FastCooccurrence(RadiomicsGLCM):
    """Contrast and cluster features from sum and difference histograms, MCC by a symmetric eigenvalue problem.

    Features that depend only on ``i + j`` or ``|i - j|`` are sums over the histograms p_{x+y} and p_{x-y}, which
    PyRadiomics computes anyway (Haralick et al. 1973, appendix), of length 2 Ng instead of Ng^2.
    """

    def _calculateCoefficients(self) -> None:
        """Like PyRadiomics, but the histograms take one pass over the matrix instead of one per bin."""
        eps, number = np.spacing(1), self.coefficients["Ng"]
        levels = self.coefficients["grayLevels"].astype("float")
        i, j = np.meshgrid(levels, levels, indexing="ij", sparse=True)
        matrix = self.P_glcm
        self.coefficients.update(
            eps=eps,
            i=i,
            j=j,
            kValuesSum=np.arange(2, 2 * number + 1, dtype="float"),
            kValuesDiff=np.arange(0, number, dtype="float"),
            px=matrix.sum(2, keepdims=True),
            py=matrix.sum(1, keepdims=True),
            ux=np.sum(i[None, :, :, None] * matrix, (1, 2), keepdims=True),
            uy=np.sum(j[None, :, :, None] * matrix, (1, 2), keepdims=True),
            pxAddy=_histogram(matrix, i + j - 2, 2 * number - 1),
            pxSuby=_histogram(matrix, np.abs(i - j), number),
            HXY=-np.sum(matrix * np.log2(matrix + eps), (1, 2)),
        )

    def _cluster(self, power: int) -> np.ndarray:
        """Mean over the angles of sum_k (k - ux - uy)^power p_{x+y}(k)."""
        mean = (self.coefficients["ux"] + self.coefficients["uy"])[:, 0]
        distance = self.coefficients["kValuesSum"][None, :, None] - mean
        return np.nanmean(np.sum(self.coefficients["pxAddy"] * distance**power, 1), 1)

    def getClusterProminenceFeatureValue(self) -> np.ndarray:
        """Fourth central moment of i + j."""
        return self._cluster(4)

    def getClusterShadeFeatureValue(self) -> np.ndarray:
        """Third central moment of i + j."""
        return self._cluster(3)

    def getClusterTendencyFeatureValue(self) -> np.ndarray:
        """Second central moment of i + j."""
        return self._cluster(2)

    def getContrastFeatureValue(self) -> np.ndarray:
        """Mean square of i - j."""
        difference = self.coefficients["kValuesDiff"][None, :, None]
        return np.nanmean(np.sum(self.coefficients["pxSuby"] * difference**2, 1), 1)

    def getMCCFeatureValue(self) -> np.ndarray | int:
        """Maximal correlation coefficient; by PyRadiomics if the matrix is not symmetric or has one level."""
        matrix = np.moveaxis(self.P_glcm[0], -1, 0)  # angle, i, j
        if not self.symmetricalGLCM or matrix.shape[1] < 2 or np.isnan(matrix).any():
            return super().getMCCFeatureValue()
        return np.mean(_maximal_correlations(matrix, self.coefficients["eps"]), keepdims=True)


def _histogram(matrix: np.ndarray, bins: np.ndarray, number: int) -> np.ndarray:
    """Sums of a matrix ``[1, i, j, angle]`` over the cells of each bin, ``[1, number, angle]``."""
    cells = bins.astype(np.intp).ravel()
    angles = np.moveaxis(matrix[0], -1, 0).reshape(matrix.shape[-1], -1)
    return np.stack([np.bincount(cells, one, minlength=number) for one in angles], axis=-1)[None]


def _maximal_correlations(p: np.ndarray, eps: float) -> np.ndarray:
    """Square roots of the second largest eigenvalues of Q (Haralick's 14th feature) for symmetric matrices.

    PyRadiomics' Q is A p with A = p / (px py + eps), cell by cell. Both are symmetric, so with D = diag(px) it is
    similar to (D^1/2 A D^1/2)(D^-1/2 p D^-1/2), two symmetric matrices that differ by factors 1 - eps / (px py). Their
    geometric mean, cell by cell, is M = p / sqrt(px py + eps), and the eigenvalues of M^2 are those of Q up to the
    square of that small difference: the first order cancels.

    Args:
        p: co-occurrence matrices, shape ``[angle, i, j]``.
        eps: constant of PyRadiomics against division by zero.

    Returns:
        One value per angle.
    """
    marginal = p.sum(2)
    values = np.linalg.eigvalsh(p / np.sqrt(marginal[:, :, None] * marginal[:, None, :] + eps))
    return np.sort(np.abs(values), axis=1)[:, -2]
