"""The wheel is enough: its one command finds all others, and the bundles, outside a checkout."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from scripts.__main__ import main
from tests.python_commands import run_python

SCRIPTS = sorted(path.stem for path in (Path(__file__).parents[2] / "scripts").glob("[!_]*.py"))


@pytest.fixture
def installed(project, made_once) -> Path:
    """A folder with the wheel of this checkout, unpacked as pip does it; its dependencies are those of the tests."""
    pytest.importorskip("setuptools", "77", reason="the wheel is built by setuptools 77 or later")

    def make(folder: Path) -> None:
        source = folder / "source"  # a copy, as building writes into the sources
        unused = shutil.ignore_patterns("__pycache__", "models", "samples", "outputs", "cache")
        for name in ("common", "scripts", "bundles"):
            shutil.copytree(project / name, source / name, ignore=unused)
        for name in ("setup.py", "setup.cfg", "pyproject.toml", "README.md", "LICENSE"):
            shutil.copy(project / name, source)
        pip = [sys.executable, "-m", "pip", "--isolated", "--disable-pip-version-check", "--quiet"]
        offline = ["--no-deps", "--no-index"]
        subprocess.run([*pip, "wheel", *offline, "--no-build-isolation", "--wheel-dir", folder, source], check=True)
        (wheel,) = folder.glob("*.whl")
        subprocess.run([*pip, "install", *offline, "--no-compile", "--target", folder / "packages", wheel], check=True)
        shutil.rmtree(source)

    return made_once("installed", make) / "packages"


def run(installed: Path, folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PYTHONPATH": str(installed), "PYTHONDONTWRITEBYTECODE": "1"}
    command = [installed / "bin" / "clinical-ssl", *words]
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True)


def test_the_installed_command_lists_all_others_with_what_they_do(installed, tmp_path):
    done = run(installed, tmp_path, "--help")
    assert done.returncode == 0, done.stderr
    assert re.findall(r"^  (\w+)  +\w.*\.$", done.stdout, re.MULTILINE) == SCRIPTS


def test_an_installed_bundle_is_found_with_its_configs_and_without_weights(installed, tmp_path):
    environment = {**os.environ, "PYTHONPATH": str(installed)}
    done = run_python([installed / "bin" / "clinical-ssl", "doctor", "liver_cgc", "--json"], tmp_path, environment)
    assert done.returncode == 0, done.stdout + done.stderr
    (found,) = json.loads(done.stdout)
    assert found["errors"] == 0
    assert any("no weights" in finding["text"] for finding in found["findings"])
    assert {path.name for path in (installed / "clinical_ssl/bundles").iterdir()} == {
        path.name for path in (Path(__file__).parents[2] / "bundles").iterdir()
    }


@pytest.mark.parametrize("name", SCRIPTS)
def test_each_command_has_its_own_help_under_the_common_name(name, monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["unchanged"])
    main([name.replace("_", "-"), "--help"])
    assert capsys.readouterr().out.startswith(f"Usage: clinical-ssl {name} ")


def test_an_unknown_command_is_one_line_and_exit_code_2(monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["clinical-ssl", "stdy"])
    with pytest.raises(SystemExit) as stopped:
        main()
    assert stopped.value.code == 2
    line = capsys.readouterr().err
    assert line.startswith("error: found stdy, expected one of benchmark, ") and line.count("\n") == 1
