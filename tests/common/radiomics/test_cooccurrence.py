from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("radiomics")

from common.radiomics.grey_levels import GreyLevels
from common.radiomics.neighbours import Neighbourhood
from common.radiomics.texture import texture_features


def matrices(levels: np.ndarray) -> list[np.ndarray]:
    """Symmetric co-occurrence matrices of neighbours along the 13 directions, by loops."""
    found = []
    half = [d for d in np.ndindex(3, 3, 3) if d > (1, 1, 1)]
    for direction in half:
        step = np.array(direction) - 1
        counts = np.zeros((levels.max(), levels.max()))
        for place in np.ndindex(levels.shape):
            other = np.array(place) + step
            if (other >= 0).all() and (other < levels.shape).all():
                counts[levels[place] - 1, levels[tuple(other)] - 1] += 1
        counts += counts.T
        found.append(counts / counts.sum())
    return found


def naive(p: np.ndarray) -> dict[str, float]:
    """Haralick's formulas, cell by cell."""
    number = len(p)
    px = p.sum(1)
    mean = sum((i + 1) * px[i] for i in range(number))
    cells = [(i + 1, j + 1, p[i, j]) for i in range(number) for j in range(number)]
    q = np.zeros((number, number))
    for i, j, k in np.ndindex(number, number, number):
        q[i, j] += p[i, k] * p[j, k] / (px[i] * px[k])
    difference = [sum(value for i, j, value in cells if abs(i - j) == k) for k in range(number)]
    return {
        "Contrast": sum(value * (i - j) ** 2 for i, j, value in cells),
        "ClusterTendency": sum(value * (i + j - 2 * mean) ** 2 for i, j, value in cells),
        "ClusterShade": sum(value * (i + j - 2 * mean) ** 3 for i, j, value in cells),
        "ClusterProminence": sum(value * (i + j - 2 * mean) ** 4 for i, j, value in cells),
        "DifferenceAverage": sum(k * value for k, value in enumerate(difference)),
        "MCC": np.sqrt(np.sort(np.linalg.eigvals(q).real)[-2]),
    }


def test_features_by_histograms_and_symmetric_eigenvalues_are_the_formulas_averaged_over_the_angles():
    levels = np.random.default_rng(0).integers(1, 6, (4, 5, 6))
    image = levels.astype(np.float32)
    mask = np.ones(levels.shape, dtype=np.uint8)
    grey_levels = GreyLevels.of(image, Neighbourhood(mask == 1), 512, {"binWidth": 1})
    assert (grey_levels.matrix == levels).all() and grey_levels.number == 5
    expected = {name: np.mean([naive(p)[name] for p in matrices(levels)]) for name in naive(matrices(levels)[0])}
    args = {"label": 1, "grey_levels": grey_levels}
    found = texture_features(image, (1, 1, 1), {"glcm": list(expected)}, args)
    for name, value in expected.items():
        assert found[f"glcm_{name}"] == pytest.approx(value, rel=1e-9), name


def test_too_many_levels_and_values_that_are_no_numbers_are_refused_before_they_cost_anything():
    image = np.array([[0, 1e12], [3, 4]])
    everywhere = np.ones((2, 2), dtype=bool)
    with pytest.raises(ValueError, match="40000000001 grey levels; expected up to 512"):
        GreyLevels.of(image, Neighbourhood(everywhere), 512, {})
    assert GreyLevels.of(image, Neighbourhood(everywhere), 512, {"binCount": 8}).present.tolist() == [1, 8]
    image[0, 0] = np.inf
    with pytest.raises(ValueError, match="values that are not finite"):
        GreyLevels.of(image, Neighbourhood(everywhere), 512, {"binCount": 8})
