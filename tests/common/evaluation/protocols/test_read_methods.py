from __future__ import annotations

from common.bundle_configs import BundleConfigs
from common.evaluation.protocols.read_methods import read_rows


def test_a_mean_of_a_start_with_a_row_for_each_modality_is_the_mean_of_these_rows_each_once():
    texts = ["mean:scratch+single", "mean:scratch+single:outline:scratch+single"]
    *rows, first, last, second = read_rows(BundleConfigs("liver_cgc"), texts, ["T1", "T2"])
    assert [row.folder for row in rows] == ["scratch+single/T1", "scratch+single/T2"]
    assert first.rows == tuple(rows) and last.folder == "outline" and second.rows == (*rows, last)
