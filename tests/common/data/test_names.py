from __future__ import annotations

import json

import pytest

from common.data import class_names, selected_modalities, subject_index
from common.errors import InputError


def test_names_come_in_the_order_of_their_numbers(tmp_path):
    labels = {str(index): f"class {index}" for index in reversed(range(11))}
    (tmp_path / "datalist.json").write_text(json.dumps({"labels": labels}))
    assert class_names(tmp_path / "datalist.json") == [f"class {index}" for index in range(11)]


def test_a_datalist_without_names_has_none(tmp_path):
    (tmp_path / "datalist.json").write_text("{}")
    assert class_names(tmp_path / "datalist.json") is None


def test_a_missing_datalist_is_one_line(tmp_path):
    with pytest.raises(InputError, match="found no such file, expected a datalist"):
        class_names(tmp_path / "datalist.json")


def test_a_file_instead_of_its_folder_is_refused_with_the_options_to_set(tmp_path):
    for name, more in (("datalist.json", ""), ("other.json", f" --datalist {tmp_path / 'other.json'}")):
        (tmp_path / name).write_text("{}")
        with pytest.raises(InputError) as error:
            class_names(tmp_path / name / "datalist.json")
        assert str(error.value) == (
            f"dataset_dir: {tmp_path / name}: found a file, expected the folder of datalist.json; set --dataset_dir "
            f"{tmp_path}{more}"
        )


def test_a_name_selects_one_and_none_selects_all():
    assert selected_modalities(["T1", "T2", "OUT"], "T2") == [1]
    assert selected_modalities(["T1", "T2", "OUT"], None) == [0, 1, 2]


def test_an_unknown_name_is_reported_with_the_known_ones():
    with pytest.raises(InputError, match="modality: 'T9'; expected one of T1, T2"):
        selected_modalities(["T1", "T2"], "T9")


def test_rows_of_one_subject_have_one_number_whatever_their_order():
    rows = [{"subject": name, "session": i} for i, name in enumerate(["s10", "s2", "s10", "7"])]
    numbers = {row["subject"]: row["subject_index"] for row in subject_index(rows)}
    assert sorted(numbers.values()) == [0, 1, 2]
    assert [row["subject_index"] for row in subject_index(rows[::-1])] == [
        numbers[row["subject"]] for row in rows[::-1]
    ]
    assert [row["session"] for row in subject_index(rows)] == [0, 1, 2, 3] and "subject_index" not in rows[0]


def test_rows_without_a_subject_are_reported_all_at_once():
    with pytest.raises(InputError, match="2 problems"):
        subject_index([{"subject": "a"}, {}, {"subject": ""}])
