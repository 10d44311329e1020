from __future__ import annotations

from pathlib import Path

import pytest

from common.bundle_configs import BundleConfigs
from common.errors import InputError
from common.evaluation.protocols.read_methods import read_rows


def test_a_mean_of_a_start_with_a_row_for_each_modality_is_the_mean_of_these_rows_each_once():
    texts = ["mean:scratch+single", "mean:scratch+single:outline:scratch+single"]
    *rows, first, last, second = read_rows(BundleConfigs("liver_cgc"), texts, ["T1", "T2"])
    assert [row.folder for row in rows] == ["scratch+single/T1", "scratch+single/T2"]
    assert first.rows == tuple(rows) and last.folder == "outline" and second.rows == (*rows, last)


def test_a_dot_without_a_number_is_refused():
    with pytest.raises(InputError, match="found no number after the dot; expected one, such as outline"):
        list(read_rows(BundleConfigs("siam3d_imbalance"), ["outline."], ["t1"]))


def test_a_row_of_one_number_has_the_table_of_its_features_and_a_name_with_pluses_and_dots():
    texts = ["outline.LogVolume", "modality_differences.t1.5+c minus t1.5", "outline"]
    volume, difference, outline = read_rows(BundleConfigs("siam3d_imbalance"), texts, ["t1.5", "t1.5+c"])
    assert (volume.name, volume.number, outline.number) == ("Outline (LogVolume)", "LogVolume", None)
    assert (difference.number, difference.overlays) == ("t1.5+c minus t1.5", ())
    assert volume.table(Path("out"), None) == outline.table(Path("out"), None) == Path("out/outline.csv")
