from __future__ import annotations

import json

import pytest

from common import InputError
from common.data import by_modality, modality_names, number_of_classes, number_of_images


@pytest.fixture
def datalist(tmp_path):
    def datalist(rows, **names):
        path = tmp_path / "datalist.json"
        path.write_text(json.dumps({"training": rows, **names}))
        return path

    return datalist


def test_classes_are_those_of_the_names_or_else_of_the_labels(datalist):
    rows = [{"label": 0}, {"label": 2}, {"label": None}, {}]
    assert number_of_classes(datalist(rows)) == 3
    assert number_of_classes(datalist(rows, labels={"0": "a", "1": "b", "2": "c", "3": "d"})) == 4
    assert number_of_classes(datalist([{"label": "map.nii.gz"}])) == 2


def test_images_are_those_of_the_names_or_else_of_most_rows(datalist, tmp_path, cohort):
    rows = [{"image": ["a", "b", "c"]}, {"image": ["a", "b", "c"]}, {"image": ["a"]}]
    assert number_of_images(datalist(rows)) == 3
    assert number_of_images(datalist(rows, modality={"0": "T1", "1": "T2"})) == 2
    cohort.nifti("several.nii.gz", cohort.noise((8, 9, 10, 5)))
    cohort.content["training"] = [{"image": "missing.nii.gz"}, {"image": "several.nii.gz"}]
    assert number_of_images(cohort.save()) == 5


def test_names_keep_the_order_of_their_indices(datalist):
    assert modality_names(datalist([], modality={"1": "T2", "0": "T1"})) == ["T1", "T2"]
    assert modality_names(datalist([]), ["A"]) == ["A"]


def test_known_values_follow_the_order_of_the_cohort():
    assert by_modality("mean", {"T1": 1.0, "T2": 2.0}, ["T2", "T1"]) == [2.0, 1.0]
    with pytest.raises(
        InputError, match=r"mean: known for T1, .* ADC; measure ADC with .* prints --mean and --std; set both$"
    ):
        by_modality("mean", {"T1": 1.0}, ["ADC"])


@pytest.mark.parametrize("text", ["hello", "[" * 100_000, "3"])
def test_what_is_no_datalist_is_one_line(text, tmp_path):
    path = tmp_path / "datalist.json"
    path.write_text(text)
    with pytest.raises(InputError, match=r"datalist\.json: found ") as caught:
        number_of_classes(path)
    assert "\n" not in str(caught.value)
