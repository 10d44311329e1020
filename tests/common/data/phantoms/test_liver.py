from __future__ import annotations

import numpy as np
import pytest
from scipy.ndimage import center_of_mass

from common.data.phantoms.fields import unit_grid
from common.data.phantoms.liver import (
    BACKGROUND,
    BONE,
    FAT,
    GREAT_VESSEL,
    LIVER,
    MUSCLE,
    SPLEEN,
    VESSEL,
    abdominal_tissue,
)


@pytest.fixture(params=range(4))
def tissue(request):
    return abdominal_tissue(unit_grid((96, 72, 1)), np.random.default_rng(request.param))


def test_organs_lie_where_a_transverse_slice_shows_them(tissue):
    """x grows to the patient's right, y to the front."""
    places = {kind: np.array(center_of_mass(tissue == kind))[:2] for kind in (LIVER, SPLEEN, BONE)}
    assert places[LIVER][0] > 48 > places[SPLEEN][0]
    assert places[BONE][1] < 30 and abs(places[BONE][0] - 48) < 5
    assert places[SPLEEN][1] < places[LIVER][1]


def test_shares_of_the_tissues_are_those_of_an_abdomen(tissue):
    share = np.bincount(tissue.ravel(), minlength=9) / tissue.size
    assert 0.15 < share[BACKGROUND] < 0.6 and 0.12 < share[LIVER] < 0.45
    assert all(share[kind] > 0.005 for kind in (FAT, MUSCLE, BONE, SPLEEN, GREAT_VESSEL))
    assert 0.002 < share[VESSEL] / share[LIVER] < 0.15


def test_the_body_is_covered_by_fat(tissue):
    inside = tissue[..., 0] != BACKGROUND
    rows = np.flatnonzero(inside.any(1))
    first = [tissue[row, np.flatnonzero(inside[row])[0], 0] for row in rows]
    assert np.mean(np.array(first) == FAT) > 0.95


def test_the_liver_is_largest_near_the_middle_of_a_volume():
    tissue = abdominal_tissue(unit_grid((48, 36, 16)), np.random.default_rng(0))
    areas = np.isin(tissue, (LIVER, VESSEL)).sum((0, 1))
    assert 4 <= areas.argmax() <= 11 and areas[0] < 0.5 * areas.max()
