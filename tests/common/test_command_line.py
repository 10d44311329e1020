from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, Literal

import pytest

from common.command_line import run_commands
from common.errors import InputError, OptionError
from common.hints import unknown_options

with suppress(ImportError):
    import pydantic  # noqa: F401  where something has imported it, cyclopts validates by it


@dataclass(frozen=True)
class Box:
    """A box of :class:`~numpy.ndarray` numbers.

    Args:
        size: edges in ``mm``, in the order
            of the axes.
        names: names of the axes.
    """

    size: Sequence[int] = (1, 2)
    names: list = field(default_factory=lambda: ["x"])

    def make(self, output: str, num_workers: int | None = None) -> str:
        """Make it.

        Args:
            output: folder to make.
            num_workers: number of threads.
        """
        return f"{output}: {self.size} {self.names} {num_workers}"


def called(source: str, output: str, dry: bool = False, **settings: Any) -> dict[str, Any]:
    """Do something.

    Args:
        source: folder to read.
        output: file to write.
        dry: whether to write nothing.
        **settings: ids of a config.
    """
    return {"source": source, "output": output, "dry": dry, **settings}


def joined(*sources: str, output: str, **settings: Any) -> str:
    """Join.

    Args:
        sources: files to read.
        output: file to write.
        **settings: ids of a config.
    """
    return output


def run(command: Any, words: str, **options: Any) -> Any:
    found: list[Any] = []
    run_commands(command, words.split(), show=found.append, **options)
    return found[0] if found else None


@pytest.mark.parametrize("words", ["a b", "--source a --output b", "--output=b a", "a --output b"])
def test_required_arguments_are_positional_or_named(words):
    assert run(called, words) == {"source": "a", "output": "b", "dry": False}


@pytest.mark.parametrize(("words", "dry"), [("", False), ("--dry", True), ("--dry true", True), ("--dry False", False)])
def test_a_boolean_is_a_switch_or_true_or_false_in_any_spelling(words, dry):
    assert run(called, f"a b {words}")["dry"] is dry


def test_free_options_are_read_as_monai_bundle_reads_them():
    found = run(called, "a b --amp True --box_size [54,54] --_meta_#x#y {0:one} --device cpu")
    assert {key: found[key] for key in ("amp", "box_size", "_meta_#x#y", "device")} == {
        "amp": True,
        "box_size": [54, 54],
        "_meta_#x#y": {0: "one"},
        "device": "cpu",
    }


def test_a_class_takes_the_arguments_of_its_constructor_and_of_its_method():
    assert run(Box, "out --size 3,4 --num_workers 2", method="make") == "out: (3, 4) ['x'] 2"


def test_help_joins_both_docstrings_without_markup(capsys):
    run(Box, "--help", method="make")
    text = " ".join(capsys.readouterr().out.replace("│", "").split())
    assert "A box of ndarray numbers." in text
    assert "--size A,B,... edges in mm, in the order of the axes. [default: 1,2]" in text
    assert "OUTPUT --output folder to make. [required]" in text and "[default: x]" in text


def test_only_the_chosen_command_is_imported():
    commands = {"good": called, "bad": "nowhere:nothing"}
    assert run(commands, "good a b")["source"] == "a"
    with pytest.raises(ModuleNotFoundError):
        run(commands, "bad a b")


@pytest.mark.parametrize("words", ["", "other", "call", "call a b c", "call a", "call a b --dry maybe"])
def test_a_wrong_command_line_is_one_line_and_exit_code_2(words, capsys):
    with pytest.raises(SystemExit) as end:
        run({"call": called}, words)
    error = capsys.readouterr().err
    assert end.value.code == 2 and error.startswith("error: ") and error.count("\n") == 1


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("a", "found no OUTPUT (--output), expected SOURCE OUTPUT; --help describes them"),
        ("a --dry", "found no OUTPUT (--output), expected SOURCE OUTPUT; --help describes them"),
        ("a --outputs b", "found --outputs and no --output; did you mean --output?"),
        ("a --output", "Parameter --output requires an argument."),
    ],
)
def test_a_missing_argument_is_named_with_those_that_are_expected_or_with_the_option_typed_for_it(
    words, message, capsys
):
    with pytest.raises(SystemExit):
        run(called, words)
    assert capsys.readouterr().err == f"error: {message}\n"


def test_a_misspelt_option_that_is_taken_for_an_id_is_compared_with_the_commands_own_too(capsys):
    def train(cohort: str, fractions: int = 1, **settings: Any) -> None:
        """Train."""
        raise OptionError("\n".join(unknown_options(settings, ["label_fraction", "epochs"], "train.yaml")))

    with pytest.raises(SystemExit):
        run(train, "a --fraction 0.5 --epoch 3 --nothing 1")
    hints = [line.partition("; ")[2] for line in capsys.readouterr().err.splitlines()]
    assert hints == ["did you mean fractions?", "did you mean epochs?", "--help lists the options"]


def test_bad_input_is_left_to_the_hook_and_an_unknown_id_is_exit_code_2(capsys):
    def fail(kind: str) -> None:
        raise {"input": InputError, "option": OptionError}[kind]("bad")

    with pytest.raises(InputError, match="bad"):
        run(fail, "input")
    with pytest.raises(SystemExit) as end:
        run(fail, "option")
    assert end.value.code == 2 and capsys.readouterr().err == "error: bad\n"


def test_a_choice_may_be_left_out_where_pydantic_checks_defaults_too():
    def chosen(task: Literal["a", "b"] | None = None) -> str:
        """Do it."""
        return f"{task}"

    assert [run(chosen, words) for words in ("", "--task b", "--task none")] == ["None", "b", "None"]


@pytest.mark.parametrize(
    ("lines", "end", "code", "message"),
    [
        (1, "", 141, b""),
        (100_000, "", 141, b""),
        (1, "; sys.exit(3)", 3, b""),
        (1, "; raise InputError('a: found no b')", 1, b"error: a: found no b\n"),
    ],
)
def test_a_pipe_that_reads_no_further_ends_the_command_quietly(lines, end, code, message):
    program = (
        "import sys\nfrom common.command_line import run_commands\nfrom common.errors import InputError\n"
        f"def command():\n    sys.stdin.read(); print('line\\n' * {lines}){end}\nrun_commands(command, [])"
    )
    pipes = dict.fromkeys(("stdin", "stdout", "stderr"), subprocess.PIPE)
    with subprocess.Popen(
        [sys.executable, "-c", program], env={**os.environ, "PYTHONUNBUFFERED": ""}, **pipes
    ) as process:
        process.stdout.close()
        process.stdin.close()
        assert (process.stderr.read(), process.wait()) == (message, code)


@pytest.mark.parametrize(
    "words",
    [
        *("t.csv {0}", "t.csv link.csv", "{0} --output ./t.csv", "x y --output t.csv --mine t.csv"),
        *("p{{fold}}.csv p0.csv", "x{{seed}}/p{{fold}}.csv p0.csv"),
    ],
)
def test_an_input_is_never_the_output_too_however_it_is_written(words, tmp_path, monkeypatch, capfd):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "t.csv").write_text("the user's own")
    for link in ("link.csv", "p1.csv", "x2/p0.csv"):
        (tmp_path / link).parent.mkdir(exist_ok=True)
        (tmp_path / link).symlink_to(tmp_path / "t.csv")
    (tmp_path / "p0.csv").hardlink_to(tmp_path / "t.csv")
    command = joined if "x y" in words else called
    with pytest.raises(SystemExit) as ended:
        run(command, words.format(tmp_path / "t.csv"))
    line = capfd.readouterr().err.splitlines()[-1]
    assert ended.value.code == 2 and line.startswith("error: output: found ")
    assert line.endswith(", expected another file, as it would be overwritten; set --output to another name")
    assert run(called, "t.csv other.csv")["output"] == "other.csv"
    assert run(called, f"{tmp_path} {tmp_path}")  # a folder may get results
    assert run(called, f"{'text' * 100} t.csv")  # no path, as it is too long for one


def test_a_value_that_begins_with_a_minus_is_no_option():
    assert run(called, "a b --budget -5m --rate -.5") == {"source": "a", "output": "b", "dry": False} | {
        "budget": "-5m",
        "rate": -0.5,
    }
