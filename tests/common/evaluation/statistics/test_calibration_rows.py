from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from common.errors import InputError
from common.evaluation.statistics.calibration_rows import read_calibration_rows


def table(n: int = 20, **columns) -> pd.DataFrame:
    p = np.linspace(0.1, 0.9, n)
    keys = {"subject": [f"0{i}" for i in range(n)], "fold": np.arange(n) % 2, "label": np.arange(n) // 2 % 2}
    values = {"prediction": (p > 0.5).astype(int), "probability_0": 1 - p, "probability_1": p}
    return pd.DataFrame({**keys, **values, **columns})


@pytest.fixture
def write(tmp_path):
    def write(frame: pd.DataFrame, name: str = "predictions.csv"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        frame.to_csv(tmp_path / name, index=False)
        return tmp_path / name

    return write


def test_folds_are_the_parts_whether_in_one_file_in_several_or_by_a_pattern(write, tmp_path):
    whole = table()
    rows = read_calibration_rows([write(whole)])
    assert rows.parts_are == "fold" and rows.num_classes == 2
    np.testing.assert_array_equal(rows.parts, whole["fold"])
    np.testing.assert_allclose(rows.probabilities, whole[["probability_0", "probability_1"]])
    files = [write(whole[whole["fold"] == fold], f"fold{fold}/p.csv") for fold in (0, 1)]
    for sources in (files, [tmp_path / "fold{fold}/p.csv"]):
        several = read_calibration_rows(sources)
        assert several.files == tuple(files)
        assert dict(zip(several.subjects, several.parts, strict=True)) == dict(
            zip(rows.subjects, rows.parts, strict=True)
        )


def test_files_without_a_fold_are_parts_of_their_own(write):
    whole = table().drop(columns="fold")
    rows = read_calibration_rows([write(whole[:9], "a.csv"), write(whole[9:], "b.csv")])
    np.testing.assert_array_equal(rows.parts, [0] * 9 + [1] * 11)


def test_images_of_one_fold_are_parted_by_subject_and_each_part_has_all_classes(write):
    whole = table(fold=0, subject=np.repeat([f"s{i}" for i in range(10)], 2), row=np.arange(20))
    rows = read_calibration_rows([write(whole)])
    assert rows.parts_are == "subjects" and len(np.unique(rows.parts)) == 5
    for subject in np.unique(rows.subjects):
        assert len(np.unique(rows.parts[rows.subjects == subject])) == 1
    for part in range(5):
        assert set(rows.labels[rows.parts == part]) == {0, 1}


def test_all_bad_rows_of_all_files_are_in_one_message(write):
    good = table()
    bad = good[good["fold"] == 0].copy()
    bad["label"] = bad["label"].astype(object)
    for row, column, value in (
        (0, "label", ""),
        (2, "label", 2),
        (4, "probability_0", 0.1),
        (6, "probability_1", -0.1),
    ):
        bad.loc[row, column] = value
    bad = pd.concat([bad, bad.iloc[[5]]])
    first = write(bad, "a.csv")
    second = write(pd.concat([good[good["fold"] == 1], good.iloc[[8]].assign(fold=1)]), "b.csv")
    with pytest.raises(InputError) as caught:
        read_calibration_rows([first, second])
    lines = [line.strip() for line in str(caught.value).splitlines()]
    assert lines[0] == "predictions: 10 problems"
    assert set(lines[1:]) == {
        f"{first}:2: subject 00: no label; expected the class, 0 and on",
        f"{first}:3: subject 02: label out of range; expected 0 to 1",
        f"{first}:4: subject 04: probabilities do not add up to 1",
        f"{first}:5: subject 06: probabilities do not add up to 1",
        f"{first}:7: subject 010: another row has this image; expected one classifier's prediction of each",
        f"{first}:12: subject 010: another row has this image; expected one classifier's prediction of each",
        f"{second}:12: subject 08: another row has this image; expected one classifier's prediction of each",
        f"{first}:6: subject 08: another row has this image; expected one classifier's prediction of each",
        f"{first}:6: subject 08: also in another fold; expected each subject in one",
        f"{second}:12: subject 08: also in another fold; expected each subject in one",
    }


@pytest.mark.parametrize(
    ("frame", "message"),
    [
        (table().drop(columns=["label", "probability_1"]), "no column label, probability_1; expected subject, label"),
        (table(label=[0] * 19 + [1]), "fewer than two subjects of class 1; expected more"),
    ],
)
def test_what_cannot_be_calibrated_is_one_line(frame, message, write):
    with pytest.raises(InputError, match=message):
        read_calibration_rows([write(frame)])


def test_files_of_two_tasks_are_refused(write):
    two, three = write(table(), "two.csv"), write(table(probability_2=0.0), "three.csv")
    with pytest.raises(InputError, match=r"three.csv: 3 classes; expected the 2 of .*two.csv"):
        read_calibration_rows([two, three])


def test_no_file_is_refused():
    with pytest.raises(InputError, match="predictions: none; expected at least one"):
        read_calibration_rows([])
