from __future__ import annotations

import json

import pytest

from common.data import load_datalist
from common.data.cohorts import table_datalist
from common.errors import InputError
from common.evaluation.protocols.repetitions import repetitions


def write(cohort, header: str, rows: list[str]):
    path = cohort.folder / "table.csv"
    path.write_text("\n".join([header, *rows]) + "\n")
    return path


def test_a_table_with_modalities_mask_and_names_as_labels_becomes_a_datalist(cohort):
    rows = [
        f"s{i},s{i}_t1.nii.gz,s{i}_t2.nii.gz,s{i}_seg.nii.gz,{'benign' if i % 2 else 'malignant'},A" for i in range(6)
    ]
    table = write(cohort, "subject,t1,t2,mask,label,centre", rows)
    path = table_datalist(table, cohort.folder / "new.json", images=("t1", "t2"), num_folds=3)
    content = json.loads(path.read_text())
    assert content["labels"] == {"0": "benign", "1": "malignant"} and content["modality"] == {"0": "t1", "1": "t2"}
    loaded = load_datalist(path, mask="required", label="required", num_images=2)
    assert [row["label"] for row in loaded] == [1, 0] * 3
    assert loaded[2]["centre"] == "A" and {row["fold"] for row in loaded} == {0, 1, 2}


def test_the_order_of_names_can_be_given_and_labels_can_be_their_indices(cohort):
    table = write(
        cohort, "subject,image,label", [f"s{i},s{i}_t1.nii.gz,{v}" for i, v in enumerate(["b", "a", "0", "1"])]
    )
    path = table_datalist(table, cohort.folder / "new.json", labels=("b", "a"), num_folds=2)
    assert [row["label"] for row in load_datalist(path)] == [0, 1, 0, 1]


def test_folds_of_the_table_are_kept_and_labels_may_be_absent(cohort):
    table = write(cohort, "subject,image,fold", [f"s{i},s{i}_t1.nii.gz,{i // 3}" for i in range(6)])
    loaded = load_datalist(table_datalist(table, cohort.folder / "new.json"))
    assert [row["fold"] for row in loaded] == [0, 0, 0, 1, 1, 1]
    assert all("label" not in row for row in loaded)


def test_bad_lines_are_reported_all_at_once_by_the_number_in_a_spreadsheet(cohort):
    rows = ["s0,s0_t1.nii.gz,0", "s1,gone.nii.gz,0", ",s2_t1.nii.gz,1", "s3,s3_t1.nii.gz,", "s4,s4_t1.nii.gz,1"]
    rows.append(f"s5,{'too long for a path ' * 15},1")
    table = write(cohort, "subject,image,label", rows)
    with pytest.raises(InputError) as error:
        table_datalist(table, cohort.folder / "new.json")
    lines = [line.strip() for line in str(error.value).splitlines()]
    assert lines[0].endswith("4 problems") and lines[4].startswith("line 7 (subject s5): no ")
    assert lines[1] == f"line 3 (subject s1): no image {cohort.folder / 'gone.nii.gz'}"
    assert lines[2] == "line 4 (subject none): subject is empty"
    assert lines[3].startswith("line 5 (subject s3): label is empty, expected one of 0, 1; --unlabelled keep")


def test_rows_with_an_empty_label_are_kept_on_request_in_a_fold_that_is_never_held_out(cohort, caplog):
    caplog.set_level("INFO")
    table = write(cohort, "subject,image,label", [f"s{i},s{i}_t1.nii.gz,{'' if i > 3 else i % 2}" for i in range(6)])
    path = table_datalist(table, cohort.folder / "new.json", num_folds=2, unlabelled="keep")
    rows = json.loads(path.read_text())["training"]
    assert [row.get("label") for row in rows] == [0, 1, 0, 1, None, None]
    assert [row["fold"] for row in rows[4:]] == [2, 2] and {row["fold"] for row in rows[:4]} == {0, 1}
    assert "6 rows (2 of class 0, 2 of class 1, 2 without a label)" in caplog.text
    assert repetitions(path, path.parent / "results", (), None)[0][0].folds == (0, 1)


@pytest.mark.parametrize(("word", "warned"), [("unknown", True), ("?", True), ("none", False), ("high", False)])
def test_a_word_for_an_unknown_label_is_a_class_with_a_warning(cohort, caplog, word, warned):
    table = write(cohort, "subject,image,label", [f"s{i},s{i}_t1.nii.gz,{word if i > 3 else i % 2}" for i in range(6)])
    table_datalist(table, cohort.folder / "new.json", num_folds=2, unlabelled="keep")
    assert (f"label: found {word}, taken as a class" in caplog.text) == warned


def test_with_zeros_an_empty_cell_is_a_missing_modality(cohort):
    rows = [f"s{i},s{i}_t1.nii.gz,{'' if i == 3 else f's{i}_t2.nii.gz'}" for i in range(6)]
    table = write(cohort, "subject,t1,t2", rows)
    settings = {"images": ("t1", "t2"), "num_folds": 2}
    with pytest.raises(InputError, match=r"line 5 \(subject s3\): t2 is empty; --missing zeros keeps"):
        table_datalist(table, cohort.folder / "new.json", **settings)
    loaded = load_datalist(
        table_datalist(table, cohort.folder / "new.json", **settings, missing="zeros"), missing="zeros"
    )
    assert loaded[3]["image"] == [str(cohort.folder / "s3_t1.nii.gz"), None]


def test_a_line_without_any_modality_is_reported_with_zeros_too(cohort):
    table = write(cohort, "subject,t1,t2", [*(f"s{i},s{i}_t1.nii.gz,s{i}_t2.nii.gz" for i in range(5)), "s5,,", "s6,,"])
    with pytest.raises(InputError) as error:
        table_datalist(table, cohort.folder / "new.json", images=("t1", "t2"), missing="zeros")
    assert [line.strip() for line in str(error.value).splitlines()[1:3]] == [
        "line 7 (subject s5): t1 is empty; t2 is empty",
        "line 8 (subject s6): t1 is empty; t2 is empty",  # and not the images of another subject
    ]


def test_a_slice_is_an_index(cohort):
    table = write(cohort, "subject,image,slice", [f"s{i},s{i}_t1.nii.gz,{i}" for i in range(6)])
    loaded = load_datalist(table_datalist(table, cohort.folder / "new.json", num_folds=2))
    assert [row["slice"] for row in loaded] == list(range(6))
    table = write(cohort, "subject,image,slice", ["s0,s0_t1.nii.gz,mid"])
    with pytest.raises(InputError, match="slice is mid, expected an integer from 0"):
        table_datalist(table, cohort.folder / "new.json")


def test_an_unknown_policy_for_missing_modalities_is_reported(cohort):
    table = write(cohort, "subject,image", ["s0,s0_t1.nii.gz"])
    with pytest.raises(InputError, match="missing: found 'drop', expected 'refuse' or 'zeros'"):
        table_datalist(table, cohort.folder / "new.json", missing="drop")


def write_labels(folder, values):
    for index in range(len(values)):
        (folder / f"img{index}.nii.gz").touch()
    lines = [f"p{index},img{index}.nii.gz,{value}" for index, value in enumerate(values)]
    path = folder / "table.csv"
    path.write_text("subject,image,label\n" + "\n".join(lines) + "\n")
    return path


@pytest.mark.parametrize("absent", ["NA", "n/a", "NULL", "NaN", ""])
def test_missing_values_are_no_class(tmp_path, absent):
    path = write_labels(tmp_path, ["benign"] * 3 + ["malignant"] * 3 + [absent] * 2)
    with pytest.raises(InputError) as error:
        table_datalist(path, tmp_path / "a.json")
    assert str(error.value).count("label is empty, expected one of benign, malignant") == 2
    rows = load_datalist(table_datalist(path, tmp_path / "a.json", incomplete="drop", num_folds=2), check="none")
    assert [row["label"] for row in rows] == [0] * 3 + [1] * 3


@pytest.mark.parametrize("values", [["2", "3"], ["2.0", "3.0"], ["2", "3.0"]])
def test_integer_labels_are_mapped_from_the_values_found_and_the_mapping_is_logged(tmp_path, caplog, values):
    path = write_labels(tmp_path, [values[0]] * 6 + [values[1]] * 6)
    with caplog.at_level("INFO"):
        output = table_datalist(path, tmp_path / "a.json", num_folds=2)
    assert "labels 2 -> 0, 3 -> 1" in caplog.text
    assert json.loads(output.read_text())["labels"] == {"0": "2", "1": "3"}
    assert [row["label"] for row in load_datalist(output, check="none")] == [0] * 6 + [1] * 6


@pytest.mark.parametrize(
    ("header", "row", "message"),
    [
        ("subject,image,image", "s1,s1_t1.nii.gz,s1_t2.nii.gz", "found several columns image, expected one each"),
        ("subject,image,label", "s1,s1_t1.nii.gz,1,2", "line 2: found other cells than the 3 of the header"),
        ("subject,image,label", "s1,s1_t1.nii.gz", "line 2: found other cells than the 3 of the header"),
    ],
)
def test_doubled_columns_and_shifted_or_cut_lines_are_refused(cohort, header, row, message):
    with pytest.raises(InputError, match=message):
        table_datalist(write(cohort, header, [row]), cohort.folder / "new.json")
    with pytest.raises(InputError, match=rf"1 problem\n  {message} \(the same in 5 of 5 rows: line 2, |columns image"):
        table_datalist(write(cohort, header, [row] * 5), cohort.folder / "new.json")


def test_empty_cells_behind_the_last_column_are_those_of_a_spreadsheet(cohort):
    rows = [f"s{i},s{i}_t1.nii.gz,{i % 2},," for i in range(6)]
    path = table_datalist(write(cohort, "subject,image,label", rows), cohort.folder / "new.json", num_folds=3)
    assert [row["label"] for row in json.loads(path.read_text())["training"]] == [0, 1] * 3


def test_masks_of_a_part_of_the_rows_are_a_warning_with_the_subjects_that_have_none(cohort, caplog):
    rows = [f"s{i},s{i}_t1.nii.gz,{i % 2},{'' if i in (1, 2) else f's{i}_seg.nii.gz'}" for i in range(4)]
    table_datalist(write(cohort, "subject,image,label,mask", rows), cohort.folder / "new.json", num_folds=2)
    assert "mask: empty in 2 of 4 rows (s1, s2); bundles that need masks refuse these rows" in caplog.text
    caplog.clear()
    without = [f"s{i},s{i}_t1.nii.gz,{i % 2}," for i in range(4)]
    table_datalist(write(cohort, "subject,image,label,mask", without), cohort.folder / "new.json", num_folds=2)
    assert not caplog.text


def test_equal_lines_are_left_out_with_a_warning_and_one_image_has_one_subject_and_label(cohort, caplog):
    rows = [f"s{i},s{i}_t1.nii.gz,{i % 2}" for i in range(4)]
    table = write(cohort, "subject,image,label", [*rows, rows[1]])
    assert len(load_datalist(table_datalist(table, cohort.folder / "new.json", num_folds=2))) == 4
    assert "line 6 equals line 3 in every cell; left out" in caplog.text
    table = write(cohort, "subject,image,label", [*rows, "s5,s1_t1.nii.gz,1", "s2,s2_t1.nii.gz,1"])
    shared = (
        r"line 6 \(subject s5\): .*/s1_t1.nii.gz is also .* line 3 \(subject s1\), another subject; correct the path"
    )
    with pytest.raises(
        InputError, match=rf"2 problems\n  {shared} .*\n.* line 4 .* have another label there; correct one\n"
    ):
        table_datalist(table, cohort.folder / "new.json", num_folds=2)


@pytest.mark.parametrize(("column", "meant"), [("lable", "label"), ("Label", "label"), ("masks", "mask")])
def test_a_column_that_is_nearly_called_as_one_with_a_meaning_is_reported(cohort, caplog, column, meant):
    rows = [f"s{i},s{i}_t1.nii.gz,s{i}_seg.nii.gz" for i in range(4)]
    table_datalist(write(cohort, f"subject,image,{column}", rows), cohort.folder / "new.json", num_folds=2)
    with pytest.raises(InputError, match=r"the columns subject, image, and for some uses mask, label, fold, slice$"):
        table_datalist(cohort.folder / "absent.csv", cohort.folder / "new.json")
    assert f"found a column {column} and none {meant}; rename it if it is the {meant}" in caplog.text
    with pytest.raises(
        InputError, match=r"expected subject too, and .*; if the column Subjects is the subject, rename it to subject$"
    ):
        table_datalist(write(cohort, "Subjects,image", ["s0,s0_t1.nii.gz"]), cohort.folder / "new.json")


def test_columns_that_may_be_of_labels_are_named_where_none_is_called_so(cohort, caplog):
    caplog.set_level("INFO")
    rows = [f"s{i},s{i}_t1.nii.gz,{'benign' if i % 2 else 'malignant'},{60 + i}" for i in range(6)]
    table_datalist(write(cohort, "subject,image,diagnosis,age", rows), cohort.folder / "new.json", num_folds=2)
    assert "found no column label, " in caplog.text and "to label if it is among diagnosis\n" in caplog.text
    caplog.clear()
    table_datalist(write(cohort, "subject,image,label,age", rows), cohort.folder / "new.json", num_folds=2)
    assert "found no column label" not in caplog.text


def test_all_columns_that_lack_a_name_with_a_meaning_are_in_one_message(cohort):
    table = write(cohort, "patient_id,CT,lable,diagnosis", ["s0,s0_t1.nii.gz,0,1"])
    absent = r"expected subject, ct too, and for some uses mask, label, fold, slice"
    with pytest.raises(
        InputError, match=f"{absent}; if the column CT is the ct, .*; if the column lable is the label,"
    ):
        table_datalist(table, cohort.folder / "new.json", images=("ct",))


@pytest.mark.parametrize(("column", "values"), [("label", ("0,0", "1,0")), ("age", ("40,5", "41"))])
def test_decimal_commas_are_refused_in_labels_and_further_columns(cohort, column, values):
    rows = [f"s{i};s{i}_t1.nii.gz;{values[i % 2]};1,2 and 3" for i in range(6)]  # a list is text
    with pytest.raises(InputError, match=rf"found decimal commas in {column} \({values[0]}\), expected decimal points"):
        table_datalist(write(cohort, f"subject;image;{column};lesions", rows), cohort.folder / "new.json")


def test_the_home_folder_in_paths_is_expanded(cohort, monkeypatch):
    monkeypatch.setenv("HOME", str(cohort.folder))
    rows = [f"s{i},~/s{i}_t1.nii.gz,~/s{i}_seg.nii.gz" for i in range(4)]
    path = table_datalist(write(cohort, "subject,image,mask", rows), cohort.folder / "new.json", num_folds=2)
    assert load_datalist(path)[0]["mask"] == str(cohort.folder / "s0_seg.nii.gz")


def test_the_same_problem_of_many_lines_is_one_line(cohort, caplog):
    rows = [f"s{i},{'gone' if i > 3 else 's'}{i}_t1.nii.gz,{i % 2 if i < 4 or i > 8 else ''}" for i in range(15)]
    table = write(cohort, "subject,image,label", rows)
    with pytest.raises(InputError) as error:
        table_datalist(table, cohort.folder / "new.json", num_folds=2)
    lines = str(error.value).splitlines()
    assert len(lines) == 4 and "line 6 (subject s4): no " in lines[1] and "label is empty" in lines[1]
    assert lines[1].endswith(
        "(the same in 5 of 15 rows: " + ", ".join(f"line {i} (subject s{i - 2})" for i in range(6, 11)) + ")"
    )
    assert "label" not in lines[2] and "(the same in 6 of 15 rows: line 11 (subject s9), " in lines[2]
    table_datalist(table, cohort.folder / "new.json", num_folds=2, incomplete="drop")
    assert caplog.text.count("dropped line") == 2
    assert all(f"subject s{i})" in caplog.text for i in range(4, 15))  # whom the datalist lacks


def test_files_that_are_missing_in_different_columns_are_different_problems(cohort):
    rows = [f"s{i},{'gone' if i < 6 else 's'}{i}_t1.nii.gz,{'gone' if i > 5 else 's'}{i}_t1.nii.gz" for i in range(12)]
    with pytest.raises(InputError) as error:
        table_datalist(write(cohort, "subject,image,mask", rows), cohort.folder / "new.json")
    _, images, masks, _ = str(error.value).splitlines()
    assert "no image " in images and "(the same in 6 of 12 rows" in images
    assert "no mask " in masks and "(the same in 6 of 12 rows" in masks


@pytest.mark.parametrize("incomplete", ["report", "drop"])
@pytest.mark.parametrize(
    ("values", "names", "remedy"),
    [
        (["1", "2", "3"], ("low", "mid", "high"), "found 1, 2, 3, expected 0, 1, 2 .*--labels 1=low,2=mid,3=high$"),
        (["1.0", "2.0"], ("low", "mid", "high"), "found 1, 2, expected .* 0=low,.* or --labels 1=low,2=mid,3=high$"),
        (["1", "3"], ("low", "mid", "high"), "found 1, 3, expected 0, 1, 2 .*which: --labels 1=low,2=mid,3=high$"),
        (["1"], ("low", "high"), "found 1, expected .*--labels 0=low,1=high or --labels 1=low,2=high$"),
        (["0", "1", "9"], ("low", "high"), "found 0, 1, 9, expected 0, 1 .*which: --labels 0=low,1=high$"),
        (["-1", "1"], ("low", "high"), "found -1, 1, expected 0, 1 .*--labels -1=low,1=high$"),
        (["7"], ("low", "high"), "found 7, expected 0, 1 .*--labels NUMBER=low,NUMBER=high$"),
        (["-1", "0"], ("low", "high"), "found -1, 0, expected 0, 1 .*--labels -1=low,0=high$"),
        (["1", "2"], ("very low", "high"), "found 1, 2, expected 0, 1 .*--labels '1=very low,2=high'$"),
        (["low", "1"], ("low", "high"), "found 1, expected 0, 1 "),
    ],
)
def test_numbers_that_are_no_indices_of_the_names_are_refused_also_where_lines_are_dropped(
    tmp_path, values, names, remedy, incomplete
):
    path = write_labels(tmp_path, values * 4)
    with pytest.raises(InputError, match=f"table.csv: label: {remedy}"):
        table_datalist(path, tmp_path / "a.json", labels=names, incomplete=incomplete, num_folds=2)


def test_names_can_be_given_with_the_number_that_stands_for_each(tmp_path):
    path = write_labels(tmp_path, ["1", "3.0", "low"] * 4)
    for labels in (("1=low", "3=high"), ("1 = low", "3 =high")):
        rows = load_datalist(table_datalist(path, tmp_path / "a.json", labels=labels, num_folds=2), check="none")
        assert [row["label"] for row in rows] == [0, 1, 0] * 4
    output = table_datalist(
        write_labels(tmp_path, ["1", "2"] * 2), tmp_path / "a.json", labels=("1=2", "2=3"), num_folds=2
    )
    assert [row["label"] for row in load_datalist(output, check="none")] == [0, 1] * 2  # 2 is the number, no name
    with pytest.raises(InputError, match="label is 1, expected one of a, b, 2, 3"):  # 1 is no index of b
        table_datalist(write_labels(tmp_path, ["1", "2"]), tmp_path / "a.json", labels=("2=a", "3=b"))
    with pytest.raises(InputError, match="--labels: found several names for 1, expected one; correct --labels"):
        table_datalist(path, tmp_path / "a.json", labels=("1=low", "01=high"))
    with pytest.raises(InputError, match="--labels: found a number for low alone, expected one for each name"):
        table_datalist(path, tmp_path / "a.json", labels=("1=low", "high"))


@pytest.mark.parametrize("value", ["3", "0"])
def test_a_number_that_is_a_name_stands_for_no_class_where_codes_are_given(tmp_path, value):
    path = write_labels(tmp_path, ["1", "2"] * 2 + [value])
    with pytest.raises(InputError, match=f"1 problem\n.* label is {value}, expected one of 1, 2\n"):
        table_datalist(path, tmp_path / "a.json", labels=("1=0", "2=3"), num_folds=2)


@pytest.mark.parametrize("values", [["0", "1", "-1"], ["0", "0", "0"], ["0", "1", "1"]])
def test_indices_of_the_names_are_taken_with_a_minus_one_that_is_unknown(tmp_path, values):
    path = write_labels(tmp_path, values * 2)
    output = table_datalist(path, tmp_path / "a.json", labels=("low", "high"), incomplete="drop", num_folds=2)
    rows = load_datalist(output, check="none")
    assert [row["label"] for row in rows] == [int(value) for value in values * 2 if value != "-1"]


@pytest.mark.parametrize("pair", [("0", "0.0"), ("P1", "p1"), ("P 1", "P  1"), ("Mu\u0308ller", "M\u00fcller")])
def test_a_subject_in_two_spellings_is_refused(cohort, pair):
    rows = [f"{name}{i},s{i}_t1.nii.gz,{i % 2}" for i, name in enumerate("abcd")]
    rows += [f"{name},s{i}_t1.nii.gz,0" for i, name in enumerate(pair, start=4)]
    with pytest.raises(InputError, match=f"subject: found {pair[0]} and {pair[1]}, expected one spelling each; write"):
        table_datalist(write(cohort, "subject,image,label", rows), cohort.folder / "new.json", num_folds=2)


def test_subjects_that_differ_in_leading_zeros_are_a_warning(cohort, caplog):
    names = ["1", "001", "P2", "P02", "1.5", "1.05"]
    table = write(cohort, "subject,image,label", [f"{name},s{i}_t1.nii.gz,{i % 2}" for i, name in enumerate(names)])
    table_datalist(table, cohort.folder / "new.json", num_folds=2)
    assert "subject: found 1 and 001, P2 and P02, taken as different; write one patient alike" in caplog.text


@pytest.mark.parametrize("labels", [(), ("Benign", "benign", "Malignant")])
def test_a_class_in_two_spellings_is_refused(tmp_path, labels):
    path = write_labels(tmp_path, ["benign", "Benign", "Malignant"] * 4)
    with pytest.raises(
        InputError, match="label: found Benign and benign, expected one spelling each; write them alike"
    ):
        table_datalist(path, tmp_path / "a.json", labels=labels, num_folds=2)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"images": ("t1", "t1")}, "modality: found t1 twice, expected different names"),
        ({"images": ("t1", "mask")}, "images: found mask, expected columns of images; correct --images"),
        ({"images": ("t1",), "labels": ("b", "b")}, "labels: found b twice, expected different names"),
    ],
)
def test_a_column_or_name_twice_and_a_column_of_another_meaning_are_refused(cohort, options, message):
    rows = [f"s{i},s{i}_t1.nii.gz,s{i}_seg.nii.gz,{i % 2}" for i in range(4)]
    with pytest.raises(InputError, match=message):
        table_datalist(write(cohort, "subject,t1,mask,label", rows), cohort.folder / "new.json", num_folds=2, **options)


def test_a_dropped_line_leaves_no_class(cohort):
    rows = [*(f"s{i},s{i}_t1.nii.gz,{i % 2 + 11}" for i in range(4)), "Total,,4"]
    table = write(cohort, "subject,image,label", rows)
    content = json.loads(table_datalist(table, cohort.folder / "new.json", num_folds=2, incomplete="drop").read_text())
    assert content["labels"] == {"0": "11", "1": "12"} and [row["label"] for row in content["training"]] == [0, 1] * 2


@pytest.mark.parametrize("path", ["s0_t1.nii.gz", "./s0_t1.nii.gz", "folder/../s0_t1.nii.gz", "link.nii.gz"])
def test_an_image_of_two_subjects_is_refused_under_any_path_and_with_another_mask(cohort, path):
    (cohort.folder / "folder").mkdir()
    (cohort.folder / "link.nii.gz").symlink_to(cohort.folder / "s0_t1.nii.gz")
    rows = [*(f"s{i},s{i}_t1.nii.gz,s{i}_seg.nii.gz,{i % 2}" for i in range(4)), f"s4,{path},s4_seg.nii.gz,0"]
    with pytest.raises(
        InputError, match=r"line 6 \(subject s4\): .*/s0_t1.nii.gz is also an image of line 2 \(subject s0\)"
    ):
        table_datalist(write(cohort, "subject,image,mask,label", rows), cohort.folder / "new.json", num_folds=2)


@pytest.mark.parametrize("separator", [",", ";", "\t"])
def test_cells_are_separated_as_in_the_header(cohort, separator):
    rows = [f"s{i},s{i}_t1.nii.gz,{i % 2}".replace(",", separator) for i in range(4)]
    path = table_datalist(
        write(cohort, "subject,image,label".replace(",", separator), rows), cohort.folder / "new.json", num_folds=2
    )
    assert [row["label"] for row in load_datalist(path)] == [0, 1] * 2


@pytest.mark.parametrize(
    ("before", "header"),
    [
        ("", 'subject,"volume; ml; outline; total",image'),
        pytest.param("", f"subject,{'v' * 131_070},image", id="wide"),  # longer than one cell may be
        ("\n", "subject;volume;image"),
        (";;\n", "subject;volume;image"),
        ("sep=;\n", "subject;volume;image"),
        ('"sep=,"\n', "subject,volume,image"),
        ("sep=\t\n", "subject\tvolume\timage"),
    ],
)
def test_the_separator_is_the_one_that_gives_the_expected_columns_of_the_first_line_with_text(cohort, before, header):
    separator = "," if "," in header else header[7]
    rows = [f"s{i},1.5,s{i}_t1.nii.gz".replace(",", separator) for i in range(4)]
    path = table_datalist(write(cohort, before + header, rows), cohort.folder / "new.json", num_folds=2)
    assert [row["subject"] for row in load_datalist(path)] == ["s0", "s1", "s2", "s3"]


@pytest.mark.parametrize(
    ("encoding", "name"), [("latin-1", "M\u00fcller"), ("utf-16", "Miller"), ("utf-16-le", "Miller")]
)
def test_a_table_in_another_encoding_is_refused_with_the_format_to_save(cohort, encoding, name):
    path = cohort.folder / "table.csv"
    path.write_text(f"subject,image\n{name},s0_t1.nii.gz\n", encoding=encoding)
    with pytest.raises(InputError, match=r"expected columns subject, image; save it as CSV UTF-8$"):
        table_datalist(path, cohort.folder / "new.json")


def test_a_table_without_columns_of_images_is_refused_with_the_option_that_names_them(cohort):
    table = write(cohort, "subject,t1,t2", ["s0,s0_t1.nii.gz,s0_t2.nii.gz"])
    with pytest.raises(
        InputError,
        match=r"expected image too, and for some uses mask, label, fold, slice; rename the columns, .* with --images$",
    ):
        table_datalist(table, cohort.folder / "new.json")
    table.write_text("")
    with pytest.raises(InputError, match=r"table.csv: found an empty file, expected subject, image$"):
        table_datalist(table, cohort.folder / "new.json")


def test_paths_with_backslashes_are_one_line(cohort):
    rows = [f"s{i},C:\\images\\s{i}_t1.nii.gz" for i in range(4)]
    for number, count in ((4, "4 paths"), (1, "1 path")):
        with pytest.raises(
            InputError, match=rf"found backslashes in {count}, such as C:\\images\\s0_t1.nii.gz, expected"
        ):
            table_datalist(write(cohort, "subject,image", rows[:number]), cohort.folder / "new.json")


@pytest.mark.parametrize(
    ("labels", "num_folds", "message"),
    [
        ("aaabb", 3, r"table.csv: folds: found 2 subjects with label b, .*; lower num_folds \(--num_folds 2\) or add"),
        ("aaab", 2, "found 1 subject with label b, .* of each class; add subjects of the class, or leave it out$"),
        ("abcdefgh", 2, "with label d, 1 subject with label e and 3 more classes, expected at least 2"),
    ],
)
def test_too_few_subjects_for_the_folds_are_named_by_table_and_class(tmp_path, labels, num_folds, message):
    with pytest.raises(InputError, match=message):
        table_datalist(write_labels(tmp_path, list(labels)), tmp_path / "a.json", num_folds=num_folds)
