from __future__ import annotations

import numpy as np
import pytest

from common.data.phantoms.brain import BACKGROUND, CSF
from common.data.phantoms.dementia_mr import HIPPOCAMPUS, atrophied_tissue, dementia_mr
from common.data.phantoms.fields import unit_grid

SHAPE = (40, 40, 40)


def tissue(atrophy: float, person: int = 0) -> np.ndarray:
    return atrophied_tissue(unit_grid(SHAPE), atrophy, np.random.default_rng(person))


@pytest.mark.parametrize("person", range(3))
def test_with_atrophy_ventricles_and_all_fluid_spaces_widen_and_hippocampi_shrink(person):
    central = (np.abs(unit_grid(SHAPE) - np.array([0, 0, 0.17])[:, None, None, None]) < 0.3).all(0)
    stages = [tissue(atrophy, person) for atrophy in (-1, 1, 3)]
    ventricles, fluid = ([((stage == CSF) & where).sum() for stage in stages] for where in (central, True))
    assert ventricles[0] < ventricles[1] < ventricles[2] and ventricles[2] > 1.5 * ventricles[0]
    assert fluid[0] < fluid[1] < fluid[2]
    hippocampi = [(stage == HIPPOCAMPUS).sum() for stage in stages]
    assert hippocampi[0] > hippocampi[1] > hippocampi[2] > 0


def test_both_hippocampi_are_there_and_the_brain_keeps_its_outline():
    healthy, ill = tissue(0), tissue(3)
    for side in (slice(0, 20), slice(20, 40)):
        assert (healthy[side] == HIPPOCAMPUS).sum() > 10
    changed = ((healthy == BACKGROUND) != (ill == BACKGROUND)).mean()
    assert changed < 0.03


def test_visits_of_one_person_are_more_alike_than_two_persons():
    def visit(person: int, seed: int) -> np.ndarray:
        anatomy, rng = np.random.default_rng(person), np.random.default_rng(seed)
        return dementia_mr(SHAPE, 0.5, anatomy, "A", 0, rng).astype(float).ravel()

    one, again, other = visit(0, 1), visit(0, 2), visit(1, 3)
    assert np.corrcoef(one, again)[0, 1] > np.corrcoef(one, other)[0, 1] + 0.02
    assert not np.array_equal(one, again)
