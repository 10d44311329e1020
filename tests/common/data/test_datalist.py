from __future__ import annotations

import json

import pytest

from common.data import load_datalist
from common.errors import InputError


def test_rows_come_in_order_with_absolute_paths_index_and_their_own_keys(cohort):
    rows = load_datalist(cohort.save())
    assert [row["index"] for row in rows] == list(range(6))
    assert [row["subject"] for row in rows] == [f"s{i}" for i in range(6)]
    assert rows[1]["image"] == [str(cohort.folder / f"s1_{name}.nii.gz") for name in ("t1", "t2")]
    assert rows[1]["mask"] == str(cohort.folder / "s1_seg.nii.gz")
    assert rows[1]["centre"] == "A" and rows[1]["label"] == 1


def test_base_dir_takes_the_place_of_the_datalists_folder(cohort, tmp_path_factory):
    path = tmp_path_factory.mktemp("elsewhere") / "list.json"
    path.write_text(json.dumps(cohort.content))
    assert load_datalist(path, base_dir=cohort.folder)[0]["mask"] == str(cohort.folder / "s0_seg.nii.gz")


def test_a_number_as_subject_becomes_text(cohort):
    cohort.rows[0]["subject"] = 17
    assert load_datalist(cohort.save())[0]["subject"] == "17"


def test_train_and_held_out_part_the_rows_by_fold(cohort):
    path = cohort.save()
    train = load_datalist(path, part="train", fold=1)
    held_out = load_datalist(path, part="held_out", fold=1)
    assert [row["subject"] for row in held_out] == ["s2", "s3"]
    assert [row["subject"] for row in train] == ["s0", "s1", "s4", "s5"]
    assert [row["index"] for row in train] == [0, 1, 2, 3]
    assert [row["row"] for row in train] == [0, 1, 4, 5] and [row["row"] for row in held_out] == [2, 3]


def test_ignored_mask_and_label_are_dropped_and_not_checked(cohort):
    cohort.rows[0].update(mask="nowhere.nii.gz", label="what")
    rows = load_datalist(cohort.save(), mask="ignored", label="ignored")
    assert all("mask" not in row and "label" not in row for row in rows)


def test_optional_mask_and_label_may_be_absent_but_required_ones_not(cohort):
    del cohort.rows[0]["mask"], cohort.rows[1]["label"]
    path = cohort.save()
    assert len(load_datalist(path)) == 6
    with pytest.raises(InputError, match=r"training\[0\] \(subject s0\) mask: found none, expected a path"):
        load_datalist(path, mask="required")
    with pytest.raises(InputError, match=r"training\[1\] \(subject s1\) label: found none, expected one of 0\.\.1"):
        load_datalist(path, label="required")


@pytest.mark.parametrize("key", ["image", "mask"])
def test_an_empty_path_is_one_problem_and_the_datalists_own_folder_is_not_read(cohort, key):
    cohort.rows[0][key] = ""
    with pytest.raises(InputError) as caught:
        load_datalist(cohort.save())
    assert len(str(caught.value).splitlines()) == 2 and f"{key}: found none, expected" in str(caught.value)


def test_rows_of_other_folds_are_checked_too(cohort):
    (cohort.folder / "s5_t1.nii.gz").unlink()
    with pytest.raises(InputError, match=r"training\[5\].*s5_t1\.nii\.gz: found no such file"):
        load_datalist(cohort.save(), part="held_out", fold=0)


def test_all_bad_rows_are_reported_at_once_in_order_one_line_each(cohort):
    cohort.rows[4]["label"] = 7
    cohort.rows[1]["image"] = ["gone.nii.gz", "s1_t2.nii.gz"]
    del cohort.rows[3]["subject"]
    with pytest.raises(InputError) as error:
        load_datalist(cohort.save())
    first, *lines = str(error.value).splitlines()
    assert first == f"{cohort.path}: 3 problems"
    assert [line.split()[0] for line in lines] == ["training[1]", "training[3]", "training[4]"]


def test_check_none_opens_no_file(cohort):
    for path in cohort.folder.glob("*.nii.gz"):
        path.unlink()
    assert len(load_datalist(cohort.save(), check="none")) == 6


def test_the_modality_of_the_datalist_states_how_many_images_a_row_has(cohort):
    cohort.content["modality"] = {"0": "T1", "1": "T2", "2": "FLAIR"}
    with pytest.raises(InputError, match="found 2 images in every row, expected 3"):
        load_datalist(cohort.save())
    assert len(load_datalist(cohort.path, num_images=2)) == 6


def test_a_subject_of_the_testing_section_is_found_however_its_letters_are_composed(cohort):
    cohort.content["testing"] = [cohort.rows.pop() | {"subject": "Ju\u0308rg"}]
    cohort.rows[0]["subject"] = "J\u00fcrg"
    for section in ("training", "testing"):
        with pytest.raises(InputError, match="subject: found in 'training' and in 'testing'"):
            load_datalist(cohort.save(), section=section)


def test_rows_of_the_testing_section_need_no_fold(cohort):
    cohort.content["testing"] = [{k: v for k, v in cohort.rows.pop().items() if k != "fold"}]
    rows = load_datalist(cohort.save(), section="testing")
    assert [row["subject"] for row in rows] == ["s5"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"section": "validation"}, r"found the sections \['training'\], expected a list 'validation'"),
        ({"part": "train"}, r"fold: found none, expected one of \[0, 1, 2\]"),
        ({"part": "held_out", "fold": 9}, r"fold: found 9, expected one of \[0, 1, 2\]"),
        ({"part": "some"}, r"part: found 'some'"),
        ({"mask": "perhaps"}, r"mask is 'perhaps'; expected one of 'required'"),
        ({"min_rows": 30}, r"found 6 rows in part 'all', expected at least 30"),
        ({"part": "train", "fold": 0, "min_rows": 5}, r"found 4 rows in part 'train' of fold 0, expected at least 5"),
        ({"num_classes": 3}, r"labels: found 2 names \(low, high\), expected 3 \(num_classes\)"),
        ({"label_fraction": 0.5, "part": "held_out", "fold": 0}, r"test rows are never reduced"),
        ({"label_fraction": 0.0}, r"label_fraction: found 0.0"),
        ({"label_fraction": 0.5, "label": "ignored"}, r"subject s0 has no label"),
    ],
)
def test_wrong_arguments_are_reported_in_one_line_that_names_the_file(cohort, arguments, message):
    with pytest.raises(InputError, match=message) as error:
        load_datalist(cohort.save(), **arguments)
    assert str(error.value).startswith(f"{cohort.path}: ") and "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "found no JSON"),
        ("[1]", r"found a list, expected an object"),
        ('{"training": []}', "found no row in 'training'"),
        ('{"training": [{}], "labels": ["a"]}', 'labels: found .* expected {"0": name'),
        ('{"training": [{}], "labels": {"1": "a"}}', "labels: found"),
        ('{"training": [{}], "labels": {"0": "a", "1": "a"}}', "labels: found .* expected another name for each index"),
        ('{"training": [{}], "training": []}', "found no JSON \\('training' twice in one object\\)"),
        ('{"BOM": 1, "BOM": 2}', "found no JSON \\('BOM' twice in one object\\)"),
        (None, "found no such file"),
    ],
)
def test_a_file_that_is_no_datalist_is_reported_in_one_line(tmp_path, text, message):
    path = tmp_path / "list.json"
    if text is not None:
        path.write_text(text)
    with pytest.raises(InputError, match=message) as error:
        load_datalist(path)
    assert "\n" not in str(error.value)


def test_no_datalist_at_all_is_reported():
    with pytest.raises(InputError, match="set --datalist"):
        load_datalist(None)


def test_modalities_of_another_order_than_the_datalists_are_refused(cohort):
    cohort.content["modality"] = {"0": "T1", "1": "T2"}
    path = cohort.save()
    assert len(load_datalist(path, modalities=["T1", "T2"])) == 6
    with pytest.raises(InputError, match=r"modality: found T1, T2, expected T2, T1 \(modalities\), in this order"):
        load_datalist(path, modalities=["T2", "T1"])


def test_modalities_say_how_many_images_a_row_has_where_the_datalist_names_none(cohort):
    cohort.content.pop("modality", None)
    with pytest.raises(InputError, match="found 2 images in every row, expected 3"):
        load_datalist(cohort.save(), modalities=["T1", "T2", "OUT"])
