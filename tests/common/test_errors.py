from __future__ import annotations

import subprocess
import sys

import pytest

from common.errors import InputError, flag

WRAPPED = """
from common.errors import InputError, brief_input_errors
brief_input_errors()
brief_input_errors()
try:
    raise {error}
except Exception as error:
    raise RuntimeError("wrapped as MONAI does") from error
"""


def run(error: str, **environment: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", WRAPPED.format(error=error)]
    return subprocess.run(command, capture_output=True, text=True, env=environment)


def test_bad_input_ends_the_process_with_its_line_alone():
    result = run("InputError('a.json: found 1, expected 2; mend it')")
    assert result.returncode == 1 and result.stderr == "error: a.json: found 1, expected 2; mend it\n"


def test_other_errors_keep_their_traceback():
    result = run("KeyError('x')")
    assert result.returncode == 1 and "Traceback" in result.stderr


def test_the_traceback_can_be_asked_for():
    assert "Traceback" in run("InputError('bad')", BUNDLE_TRACEBACK="1").stderr


def test_all_bad_rows_are_in_one_message():
    assert str(InputError.of_rows("a.json", ["row 1: bad", "row 2: bad"])) == (
        "a.json: 2 problems\n  row 1: bad\n  row 2: bad"
    )


@pytest.mark.parametrize(
    ("value", "expected"), [(True, True), ("true", True), ("False", False), (False, False), ("FALSE", False)]
)
def test_flags_are_read_in_any_spelling(value, expected):
    assert flag("amp", value) is expected


@pytest.mark.parametrize("value", ["yes", 1, None, ""])
def test_anything_else_is_no_flag(value):
    with pytest.raises(InputError, match=r"amp: .*expected true or false"):
        flag("amp", value)
