"""Features of the grey level co-occurrence matrix with the values of PyRadiomics and far fewer operations."""

# names of PyRadiomics' methods
# flake8: noqa: N802

from __future__ import annotations

import math
from functools import cached_property

import numpy as np
from radiomics.glcm import RadiomicsGLCM

from .matrices import level_pairs

__all__ = ["FastCooccurrence"]

#: Mutual information in bits below which PyRadiomics' own rounding decides (**ours**).
INDEPENDENT = 1e-6


class FastCooccurrence(RadiomicsGLCM):
    """Sums over pairs of levels that occur, histograms of their sums and differences, a symmetric eigenvalue problem.

    Features that depend only on ``i + j`` or ``|i - j|`` are sums over the histograms p_{x+y} and p_{x-y}, which
    PyRadiomics computes anyway (Haralick et al. 1973, appendix), of length 2 Ng instead of Ng^2. The others are sums
    over the cells above 0, which are few among Ng^2.
    """

    def _calculateMatrix(self, voxels: None = None) -> np.ndarray:
        """Like PyRadiomics, but over the lesion's voxels and the levels that occur."""
        matrix = level_pairs(self.settings["grey_levels"], self)  # angle, i, j
        if matrix is None:
            return super()._calculateMatrix(voxels)
        if self.symmetricalGLCM:
            matrix = matrix + matrix.transpose(0, 2, 1)
        total = matrix.sum((1, 2))
        if len(matrix) > 1 and not total.all():  # angles without pairs
            matrix, total = matrix[total > 0], total[total > 0]
        return np.moveaxis(matrix / np.where(total > 0, total, np.nan)[:, None, None], 0, -1)[None]

    def _calculateCoefficients(self) -> None:
        """Like PyRadiomics, but from the cells above 0."""
        eps, number = np.spacing(1), self.coefficients["Ng"]
        levels = self.coefficients["grayLevels"].astype("float")
        self._p = np.ascontiguousarray(np.moveaxis(self.P_glcm[0], -1, 0))  # angle, i, j
        cells = np.flatnonzero(self._p)
        self._values = self._p.ravel()[cells]
        self._angle, self._cell = np.divmod(cells, len(levels) ** 2)
        px, py = self._p.sum(2), self._p.sum(1)  # angle, level
        i, j = np.meshgrid(levels, levels, indexing="ij", sparse=True)
        self.coefficients.update(
            eps=eps,
            i=i,
            j=j,
            kValuesSum=np.arange(2, 2 * number + 1, dtype="float"),
            kValuesDiff=np.arange(0, number, dtype="float"),
            px=px.T[None, :, None],
            py=py.T[None, None],
            ux=(px @ levels)[None, None, None],
            uy=(py @ levels)[None, None, None],
            pxAddy=self._histogram(i + j - 2, 2 * number - 1),
            pxSuby=self._histogram(np.abs(i - j), number),
            HXY=-self._over_cells(np.log2(self._values + eps))[None],
        )

    def _over_cells(self, factor: np.ndarray) -> np.ndarray:
        """Sum of the cells times a factor, one value per angle."""
        return np.bincount(self._angle, self._values * factor, minlength=len(self._p))

    def _histogram(self, bins: np.ndarray, number: int) -> np.ndarray:
        """Sums over the cells of each bin, ``[1, number, angle]``; ``bins`` has one number per pair of levels."""
        place = self._angle * number + bins.ravel().astype(np.intp)[self._cell]
        return np.bincount(place, self._values, minlength=len(self._p) * number).reshape(-1, number).T[None]

    @cached_property
    def _moments(self) -> tuple[np.ndarray, ...]:
        """Means of i and j, their variances and covariance, one value per angle."""
        levels = self.coefficients["grayLevels"].astype("float")
        px, py = self._p.sum(2), self._p.sum(1)
        mx, my = px @ levels, py @ levels
        vx = np.sum(px * (levels - mx[:, None]) ** 2, 1)
        vy = np.sum(py * (levels - my[:, None]) ** 2, 1)
        near = np.round(np.mean(levels))  # smaller numbers have smaller rounding errors
        product = self._over_cells(np.multiply.outer(levels - near, levels - near).ravel()[self._cell])
        return mx, my, vx, vy, product - (mx - near) * (my - near)

    def getAutocorrelationFeatureValue(self) -> np.ndarray:
        """Mean of i j."""
        mx, my, _, _, covariance = self._moments
        return np.nanmean(covariance + mx * my, keepdims=True)

    def getCorrelationFeatureValue(self) -> np.ndarray:
        """Covariance of i and j over their deviations; 1 if one of them is constant."""
        _, _, vx, vy, covariance = self._moments
        deviations = vx**0.5 * vy**0.5
        correlation = covariance / (deviations + self.coefficients["eps"])
        return np.nanmean(np.where(deviations == 0, 1, correlation), keepdims=True)

    def getSumSquaresFeatureValue(self) -> np.ndarray:
        """Variance of i."""
        return np.nanmean(self._moments[2], keepdims=True)

    def getJointEnergyFeatureValue(self) -> np.ndarray:
        """Sum of the squares."""
        return np.nanmean(self._over_cells(self._values), keepdims=True)

    def getMaximumProbabilityFeatureValue(self) -> np.ndarray:
        """The largest cell."""
        return np.nanmean(self._p.max((1, 2)), keepdims=True)

    def getImc1FeatureValue(self) -> np.ndarray:
        """Mutual information of i and j over the larger of their entropies, negative; 0 for one level."""
        px, py, eps = self._p.sum(2), self._p.sum(1), self.coefficients["eps"]
        i, j = np.divmod(self._cell, px.shape[1])
        apart = -self._over_cells(np.log2(px[self._angle, i] * py[self._angle, j] + eps))
        entropy = np.fmax(-np.sum(px * np.log2(px + eps), 1), -np.sum(py * np.log2(py + eps), 1))
        information = self.coefficients["HXY"][0] - apart
        return np.nanmean(
            np.divide(information, entropy, out=np.zeros_like(entropy), where=entropy != 0), keepdims=True
        )

    def getImc2FeatureValue(self) -> np.ndarray:
        """Square root of 1 - exp(-2 (HXY2 - HXY)); by PyRadiomics if i and j are nearly independent.

        Its HXY2 is the sum over all cells of -px py log2(px py + eps). With log2(x + eps) = log2 x + eps / (x ln 2) for
        small eps it is a sum over the levels alone.
        """
        px, py = self._p.sum(2), self._p.sum(1)
        number, entropy = np.float64(1), np.float64(0)
        for part in (px, py):
            entropy = entropy - np.sum(part * np.log2(np.where(part > 0, part, 1)), 1)
            number = number * np.count_nonzero(part, axis=1)
        information = entropy - number * self.coefficients["eps"] / math.log(2) - self.coefficients["HXY"][0]
        if not (information > INDEPENDENT).all():
            return super().getImc2FeatureValue()
        return np.mean((1 - np.exp(-2 * information)) ** 0.5, keepdims=True)

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
        if not self.symmetricalGLCM or self._p.shape[1] < 2 or not len(self._p) or np.isnan(self._p[0, 0, 0]):
            return super().getMCCFeatureValue()
        return np.mean(_maximal_correlations(self._p, self.coefficients["eps"]), keepdims=True)


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
