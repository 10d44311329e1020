from __future__ import annotations

import csv
import importlib.util
import io
import re

import numpy as np
import pandas as pd
import pytest

from common.errors import InputError
from common.feature_table import (
    check_pyarrow,
    columns_of_numbers,
    feature_columns,
    read_table,
    write_records,
    write_table,
)


@pytest.mark.parametrize("name", ["table.csv", "table.parquet"])
def test_a_table_comes_back_bit_for_bit_with_subjects_as_text(tmp_path, name):
    if name.endswith("parquet"):
        pytest.importorskip("pyarrow")
    rng = np.random.default_rng(0)
    table = pd.DataFrame(
        {
            "b": rng.normal(size=4) * 1e9,
            "a": [1 / 3, np.nan, 1e-300, -0.0],
            "label": pd.array([0, 1, None, 1], dtype="Int64"),
            "subject": ["007", "NA", "nan", "8"],
            "fold": pd.array([0, 1, 1, None], dtype="Int64"),
        }
    )
    back = read_table(write_table(table, tmp_path / name))
    assert list(back.columns) == ["subject", "fold", "label", "b", "a"]
    assert back["subject"].tolist() == ["007", "NA", "nan", "8"]
    assert feature_columns(back) == ["b", "a"]
    pd.testing.assert_frame_equal(back, table[back.columns], check_exact=True, check_dtype=False)


def test_text_is_no_formula_of_a_spreadsheet_and_comes_back_while_numbers_stay_numbers(tmp_path):
    names = ["=1+1", "-7", "+x", "@x", "\t=x", "\rx", "a;=x", "'=x", "''-x", "007", "a-1", "plain"]
    table = pd.DataFrame({"subject": names, "status": names[::-1], "-feature": np.arange(12.0) - 6})
    path = write_table(table, tmp_path / "table.csv")
    cells = [cell for line in csv.reader(io.StringIO(path.read_text(), newline="")) for cell in line]
    numbers = {str(value) for value in table["-feature"]}
    assert numbers <= {*cells}
    assert not [cell for cell in cells if cell not in numbers and re.search(r"(^|[;|\t\r\n])\s*[=+\-@\t\r]", cell)]
    pd.testing.assert_frame_equal(read_table(path), table)


@pytest.mark.parametrize("status", ["ok", "=1+1", 'a "quoted", one', "two\nlines", "a\rreturn"])
def test_rows_are_written_without_pandas_as_their_table_would_be(tmp_path, status):
    records = [
        {"subject": "007", "fold": 1, "label": None, "status": "ok", "a": 1e16, "b": 0.1 + 0.2, "-c": -0.0},
        {"subject": "NA", "fold": None, "label": 2, "status": status, "a": 1e-7, "b": np.nan, "-c": np.inf},
    ]
    table = pd.DataFrame(records).astype({"fold": "Int64", "label": "Int64"})
    found, expected = write_records(records, tmp_path / "found.csv"), write_table(table, tmp_path / "expected.csv")
    assert found.read_bytes() == expected.read_bytes()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("patient,a\n1,2\n", "no column 'subject'"),
        ("subject,a\n1,high\n", "column 'a': found values such as 'high'; expected one number"),
        ("subject,fold,a\n1,0.5,2\n", "column 'fold': found values such as '0.5'; expected integers"),
        ("", "cannot be read as CSV"),
    ],
)
def test_a_bad_table_is_named_with_its_fault(tmp_path, text, message):
    (tmp_path / "table.csv").write_text(text, encoding="utf-8")
    with pytest.raises(InputError, match=message) as caught:
        read_table(tmp_path / "table.csv")
    assert "table.csv" in str(caught.value)


def test_a_number_is_found_without_the_name_of_its_table():
    table = pd.DataFrame(columns=["subject", "label", "difference_T2, fat minus a_b", "outline_LogVolume"])
    found = columns_of_numbers(table, ["LogVolume", "T2, fat minus a_b"], "t.csv")
    assert found == ["outline_LogVolume", "difference_T2, fat minus a_b"]
    with pytest.raises(InputError, match=r"no number 'label', ''; expected one of T2, fat minus a_b; LogVolume$"):
        columns_of_numbers(table, ["label", "LogVolume", ""], "t.csv")


def test_without_pyarrow_a_parquet_file_is_refused_before_the_work(tmp_path, monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(InputError, match=r"t.parquet: Parquet needs pyarrow; run: pip install pyarrow"):
        check_pyarrow(tmp_path / "t.parquet")
    check_pyarrow(tmp_path / "t.csv")


def test_a_broken_parquet_file_is_named(tmp_path):
    pytest.importorskip("pyarrow")
    (tmp_path / "t.parquet").write_text("subject,a", encoding="utf-8")
    with pytest.raises(InputError, match=r"t.parquet: cannot be read as Parquet"):
        read_table(tmp_path / "t.parquet")


def test_an_absent_table_is_named(tmp_path):
    with pytest.raises(InputError, match=r"absent.csv: no such file"):
        read_table(tmp_path / "absent.csv")
