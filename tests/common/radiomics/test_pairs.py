from __future__ import annotations

import os

import pytest

from common.errors import InputError
from common.radiomics import read_pairs


def test_paths_are_relative_to_the_csv_and_other_columns_may_be_absent(tmp_path):
    (tmp_path / "pairs.csv").write_text("image,mask\na.png,masks/a.png\n/x/b.nrrd,b_mask.nrrd\n", encoding="utf-8")
    assert read_pairs(tmp_path / "pairs.csv") == [
        {
            "image": str(tmp_path / "a.png"),
            "mask": str(tmp_path / "masks/a.png"),
            "subject": "a.png",
            "fold": None,
            "label": None,
        },
        {
            "image": "/x/b.nrrd",
            "mask": str(tmp_path / "b_mask.nrrd"),
            "subject": "/x/b.nrrd",
            "fold": None,
            "label": None,
        },
    ]


def test_subject_fold_and_label_are_kept(tmp_path):
    (tmp_path / "pairs.csv").write_text("subject,image,mask,label,fold\n007,a,b,1,\n008,c,d,0,2\n", encoding="utf-8")
    rows = read_pairs(tmp_path / "pairs.csv")
    assert [(row["subject"], row["label"], row["fold"]) for row in rows] == [("007", 1, None), ("008", 0, 2)]


def test_pyradiomics_columns_of_a_csv_keep_their_meaning_without_a_warning(tmp_path, caplog):
    (tmp_path / "pairs.csv").write_text("image,mask,Label,Label_channel\na,b,2,0\nc,d,NA,1\n", encoding="utf-8")
    rows = read_pairs(tmp_path / "pairs.csv")
    assert [(row["Label"], row["Label_channel"], row["label"]) for row in rows] == [("2", "0", None), ("", "1", None)]
    assert not caplog.text


def test_all_bad_lines_are_reported_at_once(tmp_path):
    (tmp_path / "pairs.csv").write_text("subject,image,mask,label\n1,a,,1\n1,c,d,high\n", encoding="utf-8")
    with pytest.raises(InputError) as caught:
        read_pairs(tmp_path / "pairs.csv")
    message = str(caught.value)
    assert "pairs.csv: 3 problems" in message and "line 2: no mask; expected a path" in message
    assert "line 3: label is 'high'; expected an integer" in message and "line 3: subject 1 occurs twice" in message


@pytest.mark.parametrize(
    ("text", "message"), [("image\na\n", "expected mask too"), ("", "found an empty file, expected image, mask")]
)
def test_a_file_that_is_no_list_of_pairs_is_named(tmp_path, text, message):
    (tmp_path / "pairs.csv").write_text(text, encoding="utf-8")
    with pytest.raises(InputError, match=message):
        read_pairs(tmp_path / "pairs.csv")
    with pytest.raises(InputError, match=r"absent.csv: found no such file"):
        read_pairs(tmp_path / "absent.csv")
    os.mkfifo(tmp_path / "pipe.csv")
    with pytest.raises(InputError, match=r"pipe.csv: found no regular file"):
        read_pairs(tmp_path / "pipe.csv")


@pytest.mark.parametrize("missing", ["NA", "n/a", "NULL", "", "nan"])
def test_missing_values_are_no_paths_no_subjects_and_no_labels(tmp_path, missing):
    text = f"subject,image,mask,label\na,a.png,b.png,{missing}\n{missing},{missing},{missing},1\n"
    (tmp_path / "pairs.csv").write_text(text, encoding="utf-8")
    with pytest.raises(InputError) as caught:
        read_pairs(tmp_path / "pairs.csv")
    found = [line.strip() for line in str(caught.value).splitlines()[1:]]
    assert found == [
        "line 3: no image; expected a path",
        "line 3: no mask; expected a path",
        "line 3: no subject; expected a name, or no such column",
    ]
