from __future__ import annotations

import logging

import pytest

from common.data import load_datalist, write_datalist
from common.errors import InputError
from common.transforms import LoadModalitiesd


def lines_of(cohort, **settings) -> list[str]:
    with pytest.raises(InputError) as error:
        load_datalist(cohort.save(), **settings)
    return [line.strip() for line in str(error.value).splitlines()[1:]]


@pytest.fixture
def gaps(cohort):
    """Row 1 has null for T2; row 4's T1 does not exist."""
    cohort.content["modality"] = {"0": "T1", "1": "T2"}
    cohort.rows[1]["image"][1] = None
    (cohort.folder / "s4_t1.nii.gz").unlink()
    return cohort


@pytest.mark.parametrize("check", ["content", "header"])
def test_refused_rows_are_reported_with_row_subject_and_modality(gaps, check):
    first, second = lines_of(gaps, check=check)
    assert first == (
        "training[1] (subject s1) image: found no file of modality T2, expected one; add it, delete the row, or set "
        "--missing zeros (liver_cgc alone)"
    )
    assert second.startswith(
        f"training[4] (subject s4) image: modality T1: {gaps.folder / 's4_t1.nii.gz'}: found no such file"
    )


def test_without_names_a_modality_is_reported_by_its_number(gaps):
    del gaps.content["modality"]
    first, second = lines_of(gaps)
    assert "modality number 1" in first and "modality number 0: " in second


def test_with_zeros_both_kinds_stay_as_none_and_are_logged(gaps, caplog):
    with caplog.at_level(logging.WARNING):
        rows = load_datalist(gaps.save(), missing="zeros")
    assert len(rows) == 6
    assert rows[1]["image"] == [str(gaps.folder / "s1_t1.nii.gz"), None]
    assert rows[4]["image"] == [None, str(gaps.folder / "s4_t2.nii.gz")]
    assert "2 of 6 rows lack a modality (T1 in 1, T2 in 1); it is replaced by zeros" in caplog.text
    loaded = [LoadModalitiesd("image")(row) for row in rows]
    assert [row["missing"].tolist() for row in loaded] == [
        [False, i == 1] if i != 4 else [True, False] for i in range(6)
    ]
    assert not loaded[4]["image"][0].any() and loaded[4]["image"][1].any()


def test_a_complete_datalist_is_not_logged(cohort, caplog):
    with caplog.at_level(logging.WARNING):
        assert len(load_datalist(cohort.save(), missing="zeros")) == 6
    assert "lack" not in caplog.text


@pytest.mark.parametrize(("lacking", "lines"), [(4, 4), (5, 1)])
def test_five_rows_without_one_modality_are_one_line_that_names_them(cohort, lacking, lines):
    cohort.content["modality"] = {"0": "T1", "1": "T2"}
    for row in cohort.rows[:lacking]:
        row["image"][0] = None
    found = [line for line in lines_of(cohort, check="none") if "modality T1" in line]
    assert len(found) == lines
    assert lines > 1 or found[0].endswith("(the same in 5 of 6 rows: s0, s1, s2, s3, s4)")


@pytest.mark.parametrize("check", ["content", "none"])
def test_a_row_without_any_modality_is_always_refused(gaps, check):
    gaps.rows[0]["image"] = [None, None]
    (gaps.folder / "s4_t2.nii.gz").unlink()
    first, second = lines_of(gaps, missing="zeros", check=check)
    assert first == "training[0] (subject s0) image: found none of 2 modalities, expected at least one; delete the row"
    assert second.startswith("training[4] (subject s4) image: found none of its files (") and "dataset_dir" in second


def test_a_single_path_that_does_not_exist_is_refused_with_zeros_too(cohort):
    cohort.rows[:] = [{"image": "gone.nii.gz", "subject": "s"}]
    (line,) = lines_of(cohort, missing="zeros")
    assert "gone.nii.gz: found no such file" in line


def test_the_other_modalities_are_checked_among_each_other(gaps):
    gaps.nifti("s1_t1.nii.gz", gaps.noise((8, 9, 11)))
    (line,) = lines_of(gaps, missing="zeros")
    assert "training[1] (subject s1) mask: " in line and "expected (8, 9, 11) as the image s1_t1.nii.gz" in line


def test_another_number_of_places_is_reported_whether_filled_or_not(gaps):
    gaps.rows[2]["image"].append(None)
    (line,) = lines_of(gaps, missing="zeros")
    assert "training[2] (subject s2) image: found 3 images, expected 2" in line


def test_an_unknown_policy_is_reported(cohort):
    with pytest.raises(InputError, match="missing is 'drop'; expected one of 'refuse', 'zeros'"):
        load_datalist(cohort.save(), missing="drop")


def test_nulls_are_written_as_they_are(gaps):
    rows = load_datalist(gaps.save(), missing="zeros")
    path = write_datalist(gaps.folder / "new.json", [{k: v for k, v in row.items() if k != "index"} for row in rows])
    assert [row["image"] for row in load_datalist(path, missing="zeros")] == [row["image"] for row in rows]


def test_a_key_that_is_nearly_one_with_a_meaning_is_one_warning(cohort, caplog):
    cohort.rows[0]["Lable"] = cohort.rows[0].pop("label")
    cohort.rows[1]["lable"] = 1  # beside the right one
    load_datalist(cohort.save())
    assert caplog.messages == [
        f"{cohort.folder / 'datalist.json'}: 1 of {len(cohort.rows)} rows have Lable and no label; rename it if it is "
        "the label"
    ]


def test_rows_that_equal_an_earlier_one_are_one_warning(cohort, caplog):
    cohort.rows.extend([dict(cohort.rows[2]), dict(cohort.rows[2]), {**cohort.rows[0], "centre": "elsewhere"}])
    with caplog.at_level(logging.WARNING):
        assert len(load_datalist(cohort.save())) == 9
    (line,) = [text for text in caplog.messages if "equal an earlier one" in text]
    assert line.endswith(
        "datalist.json: 2 of 9 rows equal an earlier one (of subject s2) and count several times; delete the copies"
    )
