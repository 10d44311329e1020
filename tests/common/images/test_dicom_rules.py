from __future__ import annotations

import pytest
from pydicom import Dataset

from common.errors import InputError
from common.images.dicom_rules import read_dicom_rules

RULES = """
T1: {SeriesDescription: "(?i)t1.*in"}
T2: {EchoTime: [60, 120]}  # ms
OUT: {SeriesDescription: "(?i)opp|out", EchoTime: [1.0, 2.6]}
AXIAL: {ImageType: 'ORIGINAL\\\\PRIMARY', SeriesNumber: [3, 3]}
"""


def header(**values) -> Dataset:
    data = Dataset()
    for key, value in values.items():
        setattr(data, key, value)
    return data


@pytest.fixture
def rules(tmp_path):
    path = tmp_path / "rules.yaml"
    path.write_text(RULES)
    return read_dicom_rules(path)


def test_modalities_keep_the_order_of_the_file(rules):
    assert list(rules) == ["T1", "T2", "OUT", "AXIAL"]
    assert rules["OUT"].keywords == {"SeriesDescription", "EchoTime"}


@pytest.mark.parametrize(
    ("name", "values", "expected"),
    [
        ("T1", {"SeriesDescription": "Ax T1 VIBE in phase"}, True),
        ("T1", {"SeriesDescription": "Ax T1 VIBE opp"}, False),
        ("T1", {}, False),
        ("T2", {"EchoTime": 60}, True),
        ("T2", {"EchoTime": "120.0"}, True),
        ("T2", {"EchoTime": 59.9}, False),
        ("T2", {"EchoTime": None}, False),
        ("T2", {"EchoTime": [70, 80]}, False),
        ("OUT", {"SeriesDescription": "OPPOSED", "EchoTime": 2.38}, True),
        ("OUT", {"SeriesDescription": "OPPOSED", "EchoTime": 4.6}, False),
        ("OUT", {"SeriesDescription": "in", "EchoTime": 2.38}, False),
        ("AXIAL", {"ImageType": ["ORIGINAL", "PRIMARY", "M"], "SeriesNumber": 3}, True),
        ("AXIAL", {"ImageType": ["DERIVED", "PRIMARY"], "SeriesNumber": 3}, False),
    ],
)
def test_a_header_must_fulfil_every_condition(rules, name, values, expected):
    assert rules[name].matches(header(**values)) is expected


def test_all_wrong_conditions_are_reported_at_once(tmp_path):
    path = tmp_path / "rules.yaml"
    path.write_text(
        "A: {EchoTyme: [1, 2]}\nB: {EchoTime: [2, 1]}\nC: {EchoTime: 3}\nD: {SeriesDescription: '('}\nE: text\nF: {}\n"
        "G: {EchoTime: [true, false]}\n../H: {EchoTime: [1, 2]}\n"
    )
    with pytest.raises(InputError) as error:
        read_dicom_rules(path)
    first, *lines = str(error.value).splitlines()
    assert first == f"{path}: 8 problems"
    assert [line.strip().split(":")[0] for line in lines] == [
        "A EchoTyme", "B EchoTime", "C EchoTime", "D SeriesDescription", "E", "F", "G EchoTime", "../H",
    ]  # fmt: skip
    assert "no such DICOM keyword" in lines[0] and "two numbers [low, high]" in lines[2] and "regular" in lines[3]


@pytest.mark.parametrize(
    ("text", "message"),
    [(None, "found no such file"), ("a: [", "found no YAML"), ("- a", "no rules"), ("", "no rules")],
)
def test_a_file_without_rules_is_reported_in_one_line(tmp_path, text, message):
    path = tmp_path / "rules.yaml"
    if text is not None:
        path.write_text(text)
    with pytest.raises(InputError, match=message) as error:
        read_dicom_rules(path)
    assert "\n" not in str(error.value)
