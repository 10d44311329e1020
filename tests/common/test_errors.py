from __future__ import annotations

import errno
import os
import pickle
import subprocess
import sys

import pytest

from common.errors import InputError, brief_input_errors, disk_problem, flag, one_line, root_cause
from tests.python_commands import run_python

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
    result = run("InputError('a.json: found 1, expected 2; correct it')")
    assert result.returncode == 1 and result.stderr == "error: a.json: found 1, expected 2; correct it\n"


def test_an_error_with_an_exit_code_of_its_own_ends_the_process_with_it():
    result = run("type('Empty', (InputError,), {'exit_code': 3})('inbox: found no study')")
    assert result.returncode == 3 and result.stderr == "error: inbox: found no study\n"


def test_other_errors_keep_their_traceback():
    result = run("KeyError('x')")
    assert result.returncode == 1 and "Traceback" in result.stderr


def test_the_traceback_can_be_asked_for():
    assert "Traceback" in run("InputError('bad')", BUNDLE_TRACEBACK="1").stderr


IN_A_TRAINING = """
import logging
logging.basicConfig(level=logging.INFO)
from ignite.engine import Engine, Events
from monai.handlers import StatsHandler
from common.errors import InputError, brief_input_errors
brief_input_errors()
def step(engine, batch):
    raise {error}
trainer = Engine(step)
StatsHandler(name="trainer").attach(trainer)
trainer.run([1])
"""


def test_bad_input_within_a_training_is_one_line_too_though_ignite_and_monai_log_errors(project):
    for error, lines in (("InputError('bad')", ["error: bad"]), ("KeyError('x')", None)):
        result = run_python(["-c", IN_A_TRAINING.format(error=error)], project)
        output = (result.stdout + result.stderr).splitlines()
        output = [line for line in output if "INFO" not in line and "arning" not in line]
        assert result.returncode == 1 and (output == lines if lines else output.count("KeyError: 'x'") >= 1)


def test_all_bad_rows_are_in_one_message():
    assert str(InputError.of_rows("a.json", ["row 1: bad", "row 2: bad"])) == (
        "a.json: 2 problems\n  row 1: bad\n  row 2: bad"
    )


def raised(*errors: Exception, explicit: bool = True) -> Exception:
    """The last of several errors, each raised while the one before it was handled."""
    try:
        if errors[:-1]:
            raise raised(*errors[:-1], explicit=explicit)
        raise errors[-1]
    except Exception as inner:
        if inner is errors[-1]:
            return inner
        try:
            if explicit:
                raise errors[-1] from inner
            raise errors[-1]
        except Exception as outer:
            return outer


@pytest.mark.parametrize("explicit", [True, False])
def test_the_root_cause_is_the_input_error_behind_all_layers(explicit):
    cause = InputError("bad")
    outer = raised(KeyError("x"), cause, RuntimeError("component"), RuntimeError("config"), explicit=explicit)
    assert root_cause(outer) is cause and root_cause(cause) is cause


def test_without_an_input_error_the_root_cause_is_the_end_of_the_explicit_chain():
    cause = KeyError("x")
    assert root_cause(raised(cause, RuntimeError("component"), RuntimeError("config"))) is cause
    outer = raised(cause, RuntimeError("while handling it"), explicit=False)
    assert root_cause(outer) is outer


def test_a_chain_that_returns_to_itself_ends():
    error = raised(KeyError("x"), RuntimeError("outer"))
    error.__cause__.__cause__ = error
    assert root_cause(error) is error


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (ValueError("a\n  b\tc "), "a b c"),
        (EOFError(), "EOFError"),
        (ValueError("x" * 21), "x" * 17 + "..."),
        (ValueError("x" * 20), "x" * 20),
    ],
)
def test_a_message_is_one_line_of_limited_length(error, expected):
    assert one_line(error, limit=20) == expected


@pytest.mark.parametrize(
    ("value", "expected"), [(True, True), ("true", True), ("False", False), (False, False), ("FALSE", False)]
)
def test_flags_are_read_in_any_spelling(value, expected):
    assert flag("amp", value) is expected


@pytest.mark.parametrize("value", ["yes", 1, None, ""])
def test_anything_else_is_no_flag(value):
    with pytest.raises(InputError, match=r"amp: .*expected true or false"):
        flag("amp", value)


def test_what_would_control_a_terminal_is_escaped():
    error = InputError.of_rows("a\x1b[2J.json", ["caf\u00e9\u202e\udc80"])
    assert str(error) == "a\\x1b[2J.json: 1 problem\n  caf\u00e9\\u202e\\udc80"
    assert str(pickle.loads(pickle.dumps(error))) == str(error)


@pytest.mark.parametrize(
    ("number", "remedy"),
    [
        (errno.ENOSPC, "free space"),
        (errno.EROFS, "name another folder"),
        (errno.EACCES, "name"),
        (errno.ENOTDIR, "name"),
        (errno.ENOENT, "name another file or folder"),  # of a folder in /proc
    ],
)
def test_a_full_disk_and_a_folder_without_permission_are_one_line(number, remedy, monkeypatch, capsys):
    monkeypatch.setattr(sys, "excepthook", sys.__excepthook__)
    brief_input_errors()
    error = OSError(number, os.strerror(number), "out/metrics.csv")
    wrapped = RuntimeError("MONAI's layer")
    wrapped.__cause__ = error
    sys.excepthook(RuntimeError, wrapped, None)
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith(f"error: out/metrics.csv: {os.strerror(number)}; {remedy}")


def test_what_libraries_say_of_a_full_disk_is_one_line_too():
    for text in (
        "4096 requested and 512 written",
        "[enforce fail at inline_container.cc:672] . unexpected pos 64 vs 0",
        "Error while serializing: I/O error: No space left on device (os error 28)",
        "database or disk is full",
    ):
        line = disk_problem(RuntimeError(text))
        assert line.startswith("output: not written completely (No space left on device?); free space")
    assert disk_problem(OSError(errno.EFBIG, "File too large", "model.pt")).startswith(
        "model.pt: File too large; raise"
    )
    assert disk_problem(RuntimeError("mat1 and mat2 shapes cannot be multiplied")) == disk_problem(OSError("odd")) == ""
    damaged = "[enforce fail at inline_container.cc:180] . file in archive is not in a subdirectory: x.txt"
    assert disk_problem(RuntimeError(damaged)) == ""  # of a file that is read
