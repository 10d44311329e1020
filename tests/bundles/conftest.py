"""Trainings and exports that are made once, and ways to run a config in this process."""

from __future__ import annotations

import contextlib
import json
import shutil
import sys
from collections.abc import Callable, Generator, Sequence
from pathlib import Path

import pytest
import torch
from monai.bundle import ConfigWorkflow

from tests.bundles.commands import bundle_command, environment, over_training, run_bundle
from tests.bundles.shared.fixtures import cases, exported, features, infer, pretrain, served  # noqa: F401
from tests.python_commands import free_port, run_python


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Shared tests run over the tables of their class: ``bad_option`` is each row of its ``bad_options`` in turn."""
    for argument in metafunc.fixturenames:
        table = getattr(metafunc.cls, f"{argument}s", None)
        if isinstance(table, dict | list | tuple):
            rows = list(table.items()) if isinstance(table, dict) else table
            metafunc.parametrize(argument, rows, ids=[row if isinstance(row, str) else row[0] for row in rows])


@pytest.fixture
def settings(tiny) -> Callable[[str], dict[str, object]]:
    """``settings(config)``: overrides with which a step of the config takes no time."""
    return lambda config: tiny | ({} if config.startswith("evaluate") else {"batch_size": 4})


@pytest.fixture
def trained_for(request) -> Callable[[str], Path]:
    """``trained_for(config)``: the weights that a config of evaluation reads."""
    return lambda config: request.getfixturevalue("pretrained" if config.startswith("extract") else "classifier")


@pytest.fixture(scope="session")
def cache_dir(made_once) -> Path:
    """What the runs of all tests remember of the files."""
    return made_once("cache", lambda folder: None)


@pytest.fixture(scope="session")
def train_once(made_once) -> Callable[..., Path]:
    """``train_once(name, files, **overrides)``: ``model.pt`` of a training that was started on the command line."""

    def train_once(name: str, files: list[Path], *, max_epochs: int, quiet: bool, **overrides: object) -> Path:
        def make(folder: Path) -> None:
            options = {"device": "cpu", "output_dir": folder, "max_epochs": max_epochs, "quiet": quiet, **overrides}
            result = run_bundle("training", files, **options)
            assert result.returncode == 0, result.stderr
            assert quiet or f"Epoch [{max_epochs}/{max_epochs}]" in result.stderr  # the progress bar

        return made_once(name, make) / "model.pt"

    return train_once


@pytest.fixture
def without_record(tmp_path) -> Callable[[Path], Path]:
    """Gives a checkpoint's weights as another program would have written them, which say nothing of their training."""

    def without_record(checkpoint: Path) -> Path:
        path = tmp_path / "foreign" / "model.pt"
        path.parent.mkdir(exist_ok=True)
        torch.save(dict(torch.load(checkpoint, weights_only=True)), path)
        return path

    return without_record


@pytest.fixture(scope="session")
def open_bundle(cache_dir) -> Callable[..., ConfigWorkflow]:
    """Gives a workflow of config files, ready to ``initialize``; ``__`` in an override's name means ``#``."""

    def open_bundle(*configs: Path, workflow_type: str | None = "train", **overrides: object) -> ConfigWorkflow:
        values = {key.replace("__", "#"): plain(value) for key, value in overrides.items()}
        return ConfigWorkflow(
            config_file=[str(config) for config in over_training(configs)],
            meta_file=str(configs[0].parent / "metadata.json"),
            logging_file=False,  # pytest looks after the log
            workflow_type=workflow_type,
            **({"device": "cpu"} | values),
        )

    return open_bundle


@pytest.fixture(scope="session")
def run_config(open_bundle) -> Callable[..., ConfigWorkflow]:
    """Opens config files as ``open_bundle`` does, runs them to the end and gives the workflow."""

    def run_config(*configs: Path, **overrides: object) -> ConfigWorkflow:
        workflow = open_bundle(*configs, **overrides)
        workflow.initialize()
        workflow.run()
        workflow.finalize()
        return workflow

    return run_config


@pytest.fixture(scope="module")
def run_once(run_config, tmp_path_factory) -> Callable[..., tuple[ConfigWorkflow, Path]]:
    """Runs config files as ``run_config`` does, once for all tests of a file: gives the workflow and the output folder.

    Neither may be changed by a test.
    """
    done: dict[str, tuple[ConfigWorkflow, Path]] = {}

    def run_once(*configs: Path, **overrides: object) -> tuple[ConfigWorkflow, Path]:
        command = repr((configs, sorted(overrides.items())))
        if command not in done:
            output_dir = tmp_path_factory.mktemp("once") / "output"
            done[command] = run_config(*configs, output_dir=output_dir, **overrides), output_dir
        return done[command]

    return run_once


@pytest.fixture
def scratch(tmp_path) -> Generator[Path, None, None]:
    """A folder for gigabytes of weights, which is deleted after the test."""
    yield tmp_path / "scratch"
    shutil.rmtree(tmp_path / "scratch", ignore_errors=True)


@pytest.fixture
def rows(tiny) -> list[dict]:
    """The cohort's rows as its datalist has them."""
    return json.loads((tiny["dataset_dir"] / "datalist.json").read_text())["training"]


@pytest.fixture
def run_elsewhere(configs, tiny, tmp_path) -> Callable[..., Path]:
    """Run configs by ``python -m monai.bundle run`` in an empty folder: gives the output folder."""

    def run_elsewhere(run_id: str, names: list[str], **overrides) -> Path:
        elsewhere, output_dir = tmp_path / "elsewhere", tmp_path / "output"
        elsewhere.mkdir()
        values = tiny | {"output_dir": output_dir, "device": "cpu"} | overrides
        command = bundle_command(run_id, [configs / name for name in names], **values)
        result = run_python(command, elsewhere, environment())
        assert result.returncode == 0, result.stderr
        assert not list(elsewhere.iterdir())
        return output_dir

    return run_elsewhere


@pytest.fixture
def one_process_group(monkeypatch) -> None:
    """Environment variables that torchrun sets for a single process."""
    variables = {
        "RANK": "0",
        "LOCAL_RANK": "0",
        "WORLD_SIZE": "1",
        "MASTER_ADDR": "127.0.0.1",
        "MASTER_PORT": str(free_port()),
    }
    for name, value in variables.items():
        monkeypatch.setenv(name, value)


@pytest.fixture
def error_lines(run_config, capsys, monkeypatch, tmp_path) -> Callable[..., list[str]]:
    """Run a config that must fail: gives the lines that the user reads instead of a traceback.

    It writes nothing but files named in ``left_over``.
    """

    def error_lines(config: Path, left_over: Sequence[str] = (), **overrides) -> list[str]:
        monkeypatch.setattr(sys, "excepthook", sys.__excepthook__)
        output_dir = tmp_path / "output"
        before = files_of(output_dir)
        with pytest.raises(RuntimeError) as caught:  # MONAI wraps the InputError
            run_config(config, output_dir=output_dir, **overrides)
        capsys.readouterr()
        with contextlib.suppress(SystemExit):  # of an option, with exit code 2
            sys.excepthook(caught.type, caught.value, caught.tb)
        assert {path: held for path, held in files_of(output_dir).items() if path.name not in left_over} == before
        lines = capsys.readouterr().err.splitlines()
        assert lines[0].startswith("error: ") and not any("Traceback" in line for line in lines)
        return lines

    return error_lines


def files_of(folder: Path) -> dict[Path, bytes]:
    """What each file in a folder holds."""
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def plain(value: object) -> object:
    """An override as the command line gives it: paths are text."""
    return str(value) if isinstance(value, Path) else value
