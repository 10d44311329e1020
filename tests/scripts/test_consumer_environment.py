"""Input that scripts/consumer_environment.sh refuses; tests of the consumers create real environments with it."""

from __future__ import annotations

import os
import subprocess

import pytest


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ([], "error: found nothing, expected monai-label, monai-deploy or declared"),
        (["3d-slicer"], "error: found 3d-slicer, expected monai-label, monai-deploy or declared"),
        (["declared", "new"], "error: found 1 arguments of declared, expected the folder to make and archives"),
        (
            ["monai-label", "new"],
            "error: found no MONAI in empty, expected the environment of the project: run scripts/install",
        ),
    ],
)
def test_bad_input_is_one_line_and_nothing_is_made(words, message, project, tmp_path):
    command = ["bash", str(project / "scripts/consumer_environment.sh"), *words]
    env = {**os.environ, "VENV": "empty"}
    result = subprocess.run(command, cwd=tmp_path, env=env, capture_output=True, text=True)
    assert result.returncode == 1 and result.stderr.startswith(message)
    assert not list(tmp_path.iterdir())


def test_a_ready_environment_is_named_and_left_as_it_is(project, tmp_path):
    (tmp_path / "ready").touch()
    command = ["bash", str(project / "scripts/consumer_environment.sh"), "monai-deploy", str(tmp_path)]
    result = subprocess.run(command, capture_output=True, text=True)
    assert result.stdout == f"{tmp_path}/bin/python\n" and [path.name for path in tmp_path.iterdir()] == ["ready"]
