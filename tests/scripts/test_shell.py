"""The shell scripts, in a copy of the project whose Python only records its calls."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

SHELL = ("scripts/docs.sh", "scripts/install.sh", "scripts/quickstart.sh", "scripts/test.sh", ".ci/run")
TOOLS = [
    "bash",
    "awk",
    "cat",
    "cksum",
    "cut",
    "dirname",
    "du",
    "env",
    "grep",
    "mkdir",
    "readlink",
    "sleep",
    "tee",
    "uname",
]

# Passes programs on to the real Python, notes everything else; exits with 1 where FAIL is part of the call.
RECORDER = """#!/usr/bin/env bash
case "$*" in *"${FAIL:-nothing fails}"*) echo "ERROR: as asked" && exit 1 ;; esac
if [ "$1" = -c ]; then exec REAL "$@"; fi
if [ "$1" = --version ]; then echo "Python 3.9.1" && exit; fi
if [ "$2 $3" = "pip config" ]; then printf %s "${PIP_SETTINGS:-}" && exit; fi
echo "$PWD: $*" >>"LOG"
"""


class Project:
    """A copy of the files that the scripts read, an environment with the recorder, and only the named tools."""

    def __init__(self, folder: Path, source: Path) -> None:
        self.root, self.log, self.venv = folder / "project", folder / "log", folder / "project" / ".venv"
        for name in (*SHELL, "setup.cfg", "constraints.txt"):
            (self.root / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(source / name, self.root / name)
        self.recorder = folder / "recorder"
        self.recorder.write_text(RECORDER.replace("REAL", sys.executable).replace("LOG", str(self.log)))
        self.recorder.chmod(0o755)
        self.tools = folder / "tools"
        self.tools.mkdir()
        for tool in (*TOOLS, "cc"):
            (self.tools / tool).symlink_to(shutil.which(tool) or shutil.which("true"))
        (self.tools / "python3").symlink_to(self.recorder)
        (self.tools / "nvidia-smi").symlink_to(shutil.which("true"))  # no query of the index of torch in tests

    def with_environment(self) -> Project:
        (self.venv / "bin").mkdir(parents=True)
        (self.venv / "bin" / "python").symlink_to(self.recorder)
        return self

    def run(self, script: str | Path, *arguments: str, cwd: Path | None = None, **env: str):
        command = [self.tools / "bash", self.root / script, *arguments]
        env = {"PATH": str(self.tools), "HOME": os.environ.get("HOME", "/"), **env}
        return subprocess.run(command, cwd=cwd or self.root.parent, env=env, capture_output=True, text=True)

    def calls(self, *words: str) -> list[str]:
        """The recorded calls of Python with all these words; the record is cleared."""
        lines = self.log.read_text().splitlines() if self.log.exists() else []
        self.log.unlink(missing_ok=True)
        return [line for line in lines if all(word in line for word in words)]


@pytest.fixture
def copy(tmp_path, project) -> Project:
    return Project(tmp_path, project)


@pytest.mark.parametrize("script", SHELL)
def test_a_script_has_no_syntax_error_and_may_be_executed(script, project):
    assert subprocess.run(["bash", "-n", project / script]).returncode == 0
    assert os.access(project / script, os.X_OK)


@pytest.mark.parametrize("script", ["scripts/docs.sh", "scripts/install.sh", "scripts/quickstart.sh"])
def test_help_is_the_comment_at_the_top_and_does_nothing(script, copy):
    result = copy.run(script, "--help")
    assert result.returncode == 0 and f"usage: bash {script}" in result.stdout and "set -euo" not in result.stdout
    assert not copy.venv.exists() and not copy.calls()


@pytest.mark.parametrize(
    ("script", "argument", "expected"),
    [
        (
            "scripts/install.sh",
            "gpu",
            "error: found gpu, expected radiomics, dask, dicom, parquet, deploy, predict, service, deidentify, "
            "imagenet, mlflow, docs, tutorials or test\n",
        ),
        ("scripts/quickstart.sh", "--fast", "error: found --fast, expected no argument\n"),
    ],
)
def test_an_unknown_argument_is_refused_in_one_line(script, argument, expected, copy):
    result = copy.run(script, argument)
    assert (result.returncode, result.stderr) == (1, expected)
    assert not copy.venv.exists()


def test_an_old_python_is_refused_in_one_line(copy):
    result = copy.run("scripts/install.sh", FAIL="version_info")
    assert result.returncode == 1 and result.stderr.count("\n") == 1
    assert "found python3 = Python 3.9.1, expected Python 3.11 or later" in result.stderr


def test_the_interpreter_that_is_asked_for_is_the_only_one_tried(copy):
    result = copy.run("scripts/install.sh", PYTHON="/nowhere/python")
    assert result.returncode == 1 and "found /nowhere/python = none, expected Python 3.11" in result.stderr


def test_a_python_without_venv_is_refused_in_one_line(copy):
    result = copy.run("scripts/install.sh", FAIL="import ensurepip")
    assert result.returncode == 1 and result.stderr.count("\n") == 1
    assert "python3 has no venv module" in result.stderr and "python3-venv" in result.stderr


def test_a_machine_without_compiler_is_reported_so_before_anything_is_installed(copy):
    (copy.with_environment().tools / "cc").unlink()
    result = copy.run("scripts/install.sh", "radiomics")
    assert result.returncode == 1 and result.stderr.count("\n") == 1 and "found no C compiler" in result.stderr
    assert not copy.calls("pip install")


def test_a_new_environment_is_made_where_there_is_none(copy):
    copy.run("scripts/install.sh")
    assert copy.calls("-m venv") == [f"{copy.root.parent}: -m venv {copy.venv}"]


def test_installing_takes_the_pins_and_a_second_time_does_nothing(copy):
    result = copy.with_environment().run("scripts/install.sh", "radiomics", "test")
    assert result.returncode == 0, result.stderr
    first, *calls = copy.calls("pip install")
    assert first.endswith(f"-m pip install --disable-pip-version-check --quiet -c {copy.root}/constraints.txt uv")
    assert all(f"-m uv pip install --compile-bytecode --python {copy.venv}/bin/python" in call for call in calls)
    assert calls[0].endswith(" torch") and calls[-1].endswith(f"--editable {copy.root}[radiomics,test]")
    assert all(f"-c {copy.root}/constraints.txt" in call for call in calls)
    for extras in (["radiomics"], ["test", "radiomics"], []):
        again = copy.run("scripts/install.sh", *extras)
        assert again.returncode == 0 and "is complete" in again.stdout
        assert not copy.calls("pip install")


@pytest.mark.parametrize("name", ["setup.cfg", "constraints.txt"])
def test_changed_pins_or_another_extra_are_installed(name, copy):
    copy.with_environment().run("scripts/install.sh", "radiomics")
    assert copy.calls("pip install")
    copy.run("scripts/install.sh", "radiomics", "mlflow")
    assert copy.calls("pip install", "[radiomics,mlflow]")
    with (copy.root / name).open("a") as file:
        file.write("# changed\n")
    copy.run("scripts/install.sh", "radiomics")
    assert copy.calls("pip install", "[radiomics]")


def test_a_failed_installation_says_where_its_log_is_and_is_tried_again(copy):
    result = copy.with_environment().run("scripts/install.sh", FAIL="--editable")
    assert result.returncode == 1 and f"the installer's output is in {copy.venv}/install.log" in result.stderr
    assert "ERROR: as asked" in result.stdout and "ERROR: as asked" in (copy.venv / "install.log").read_text()
    copy.calls()
    assert copy.run("scripts/install.sh").returncode == 0 and copy.calls("pip install", "--editable")


def test_torch_comes_from_the_index_that_is_asked_for(copy):
    copy.with_environment().run("scripts/install.sh", TORCH_INDEX="https://example.org/whl")
    first, *rest = copy.calls("uv pip install")
    assert first.endswith("torch --extra-index-url https://example.org/whl")
    assert not any("example.org" in call for call in rest)


def test_uv_gets_the_indexes_and_certificate_that_pip_is_configured_with(copy):
    settings = """global.index-url='https://a.org/simple'
global.extra-index-url='https://b.org/simple\\nfile:///c d'
global.find-links='/none'
global.cert='/etc/ca.pem'
install.find-links='/wheels'
global.constraint='more.txt'
global.no-index='false'
:env:.extra-index-url='https://b.org/simple file:///c'
"""
    result = copy.with_environment().run("scripts/install.sh", PIP_SETTINGS=settings)
    assert result.returncode == 0, result.stderr
    expected = (
        "--index-strategy unsafe-best-match --default-index https://a.org/simple --index https://b.org/simple "
        "--index file:///c --find-links /wheels --constraint more.txt -c "
    )
    calls = copy.calls("uv pip install")
    assert calls and all(expected in call and "--no-index" not in call for call in calls)


def test_pip_installs_with_the_same_pins_where_there_is_no_uv(copy):
    result = copy.with_environment().run("scripts/install.sh", "radiomics", FAIL="constraints.txt uv")
    assert result.returncode == 0 and "installing with pip" in result.stdout
    calls = copy.calls("-m pip install")
    assert calls[-1].endswith(f"--editable {copy.root}[radiomics]")
    assert all(f"-c {copy.root}/constraints.txt" in call for call in calls)


def test_quickstart_makes_phantoms_and_runs_the_bundle_through_a_link_from_anywhere(copy, tmp_path):
    link = tmp_path / "elsewhere" / "quickstart"
    link.parent.mkdir()
    link.symlink_to(copy.with_environment().root / "scripts" / "quickstart.sh")
    result = copy.run(link, cwd=link.parent)
    assert result.returncode == 0, result.stderr
    phantoms, run = copy.calls(".py")
    data = f"{copy.root}/quickstart/phantoms"
    assert f"{copy.root}/scripts/make_phantom.py brain --output {data}" in phantoms
    assert f"{copy.root}/scripts/cross_validate.py siam3d_imbalance --dataset_dir {data}" in run
    steps = [line.split("]")[0] for line in result.stdout.splitlines() if line.startswith("[")]
    assert steps == ["[1/3", "[2/3", "[3/3", "[done"]


def test_quickstart_stops_where_a_step_fails(copy):
    result = copy.with_environment().run("scripts/quickstart.sh", FAIL="make_phantom.py")
    assert result.returncode == 1 and "[done]" not in result.stdout
    assert not copy.calls("cross_validate.py")


def test_continuous_integration_checks_style_and_runs_the_tests_in_the_projects_folder(copy):
    result = copy.with_environment().run(".ci/run")
    assert result.returncode == 0, result.stderr
    calls = [call for call in copy.calls("-m") if " pip " not in call]
    modules = ("ruff", "ruff", "mypy", "compileall", "pytest")
    assert [call.split()[:3] for call in calls] == [[f"{copy.root}:", "-m", name] for name in modules]


def test_options_of_the_test_command_go_to_pytest(copy):
    copy.with_environment().run("scripts/test.sh", "-k", "two words")
    assert copy.calls("-m pytest")[0].endswith("-k two words")


@pytest.mark.parametrize("step", ["ruff check", "ruff format", "-m mypy", "-m compileall", "-m pytest"])
def test_the_test_command_fails_where_a_step_fails(step, copy):
    assert copy.with_environment().run("scripts/test.sh", FAIL=step).returncode == 1
