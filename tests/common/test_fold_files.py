from __future__ import annotations

import pytest

from common.errors import InputError
from common.fold_files import fold_files, numbered_files


def test_a_path_with_fold_stands_for_one_file_per_fold(tmp_path):
    for fold in (0, 2, 10):
        (tmp_path / f"[x] fold{fold}").mkdir()
        (tmp_path / f"[x] fold{fold}" / f"features_{fold}.csv").touch()
    (tmp_path / "[x] fold3").mkdir()
    (tmp_path / "[x] fold3" / "features_4.csv").touch()
    found = fold_files(f"{tmp_path}/[x] fold{{fold}}/features_{{fold}}.csv")
    assert list(found) == [0, 2, 10]
    assert found[10] == tmp_path / "[x] fold10" / "features_10.csv"


def test_seed_and_fold_are_reported_apart_and_sorted_as_numbers(tmp_path):
    for seed, fold in ((10, 1), (2, 0), (2, 1)):
        (tmp_path / f"seed{seed}").mkdir(exist_ok=True)
        (tmp_path / f"seed{seed}" / f"fold{fold}_{seed}.csv").touch()
    (tmp_path / "seed2" / "fold0_3.csv").touch()
    found = numbered_files(f"{tmp_path}/seed{{seed}}/fold{{fold}}_{{seed}}.csv")
    assert list(found) == [(2, 0), (2, 1), (10, 1)]
    assert found[10, 1] == tmp_path / "seed10" / "fold1_10.csv"
    assert list(numbered_files(f"{tmp_path}/seed{{seed}}/fold1_2.csv")) == [(2, None)]


def test_a_plain_path_is_one_file_for_all_folds(tmp_path):
    (tmp_path / "a.csv").touch()
    assert fold_files(tmp_path / "a.csv") == {None: tmp_path / "a.csv"}


@pytest.mark.parametrize("name", ["absent.csv", "absent{fold}.csv"])
def test_an_absent_file_is_named(tmp_path, name):
    with pytest.raises(InputError, match=r"absent.*no such file"):
        fold_files(tmp_path / name)
