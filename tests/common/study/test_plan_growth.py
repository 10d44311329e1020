from __future__ import annotations

import pytest

from common.study.plan_growth import planning_steps


@pytest.mark.slow
def test_a_study_and_a_table_are_planned_for_every_subject(tmp_path):
    steps = planning_steps(tmp_path, 50)
    draft = steps["study plan"]()
    assert draft.cohort.subjects == len(draft.found.rows) == 50 and draft.plan.folds == [0, 1, 2, 3, 4]
    steps["table plan"]()  # raises if a training cannot be created
    assert not list((tmp_path / "cohort50").rglob("model.pt"))
