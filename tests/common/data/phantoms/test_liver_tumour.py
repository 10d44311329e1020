from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import norm
from sklearn.metrics import roc_auc_score

from common.data.phantoms.fields import unit_grid
from common.data.phantoms.liver import LIVER, VESSEL, abdominal_tissue
from common.data.phantoms.liver_tumour import LiverTumourTraits, draw_liver_tumour, liver_tumour_mask

GRID = unit_grid((96, 72, 1))


def traits(**changes) -> LiverTumourTraits:
    middle = dict.fromkeys(("size", "irregularity", "texture", "brightness", "fat", "satellites"), 0.4)
    return LiverTumourTraits(**(middle | changes))


def mask_of(seed: int, **changes) -> np.ndarray:
    tissue = abdominal_tissue(GRID, np.random.default_rng(seed))
    return liver_tumour_mask(GRID, tissue, traits(**changes), np.random.default_rng(seed + 100))


def test_every_trait_says_a_little_about_the_stage_and_none_more_than_the_separation_allows():
    rng = np.random.default_rng(0)
    label = np.arange(3000) % 2
    table = np.array([list(vars(draw_liver_tumour(bool(stage), 1.8, rng)).values()) for stage in label])
    aucs = [roc_auc_score(label, column) for column in table.T]
    assert all(0.65 < max(auc, 1 - auc) < norm.cdf(1.8 / np.sqrt(2)) for auc in aucs)
    assert aucs[4] < 0.5  # fat


def test_without_separation_there_is_nothing_to_learn():
    rng = np.random.default_rng(0)
    label = np.arange(3000) % 2
    sizes = [draw_liver_tumour(bool(stage), 0.0, rng).size for stage in label]
    assert abs(roc_auc_score(label, sizes) - 0.5) < 0.04


@pytest.mark.parametrize("seed", range(4))
def test_nodules_lie_in_the_liver_and_grow_with_size_and_number(seed):
    tissue = abdominal_tissue(GRID, np.random.default_rng(seed))
    small, large = mask_of(seed, size=0.0, satellites=0.0), mask_of(seed, size=1.0, satellites=0.0)
    assert np.isin(tissue[large], (LIVER, VESSEL)).all()
    assert 10 < small.sum() < large.sum() / 2
    assert mask_of(seed, size=0.0, satellites=1.0).sum() > small.sum()
