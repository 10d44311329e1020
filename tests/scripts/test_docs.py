"""The documentation builds, and its links exist."""

from __future__ import annotations

import os

import pytest

from tests.python_commands import run_python


@pytest.mark.slow
def test_the_site_builds_without_a_warning_and_describes_every_exported_loss(project, tmp_path):
    command = ["-m", "sphinx", "--quiet", "--fail-on-warning", "--keep-going", "-c", "docs"]
    env = {**os.environ, "PYTHONPATH": str(project)}
    folders = ["-d", tmp_path / "doctrees", ".", tmp_path / "site"]
    result = run_python([*command, "-b", "html", *folders], project, env)
    assert result.returncode == 0, result.stderr
    page = (tmp_path / "site" / "docs" / "api" / "common.losses.html").read_text()
    from common import losses

    assert not [name for name in losses.__all__ if f'id="common.losses.{name}"' not in page]
