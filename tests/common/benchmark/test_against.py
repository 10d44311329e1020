from __future__ import annotations

import json
from pathlib import Path

import pytest

from common.benchmark import against_table, measure_against
from common.errors import InputError
from tests.python_commands import Forked

BUNDLE = "siam3d_imbalance"


@pytest.mark.slow
def test_a_checkout_against_itself_loads_the_cohort_twice_each_with_its_own_config(project, tmp_path, monkeypatch):
    from common.data.phantoms import BrainPhantoms

    monkeypatch.setattr("common.benchmark.against.subprocess", Forked)
    BrainPhantoms(num_subjects=8, shape=(16, 16, 16), num_folds=2).make(tmp_path / "data", num_workers=1)
    options = {"dataset_dir": str(tmp_path / "data"), "box_size": [8, 8, 8], "transductive": True}
    result = measure_against(project, BUNDLE, options, rounds=1)
    assert [row["loading"] for row in result["rows"]] == ["first run", "later run"]
    for row in result["rows"]:
        this, other = (row["seconds"][name]["median"] for name in ("this", "other"))
        assert this > 0 and other > 0 and row["time over other"]["median"] == pytest.approx(this / other)
    assert "this / other" in against_table(result) and json.dumps(result)


def test_what_is_no_other_checkout_or_no_measurement_is_refused(project, tmp_path):
    with pytest.raises(InputError, match=r"pretrain.yaml: found no such file; expected a checkout .*; set --against"):
        measure_against(tmp_path, BUNDLE, {})
    with pytest.raises(InputError, match=r"^rounds: found 0; expected a whole number from 1"):
        measure_against(Path(project), BUNDLE, {}, rounds=0)
