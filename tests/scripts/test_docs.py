"""The documentation builds, and its links exist."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest


@pytest.mark.slow
def test_the_site_builds_without_a_warning_and_describes_every_exported_loss(project, tmp_path):
    command = [sys.executable, "-m", "sphinx", "--quiet", "--fail-on-warning", "--keep-going", "-c", "docs"]
    env = {**os.environ, "PYTHONPATH": str(project)}
    result = subprocess.run(
        [*command, "-b", "html", "-d", tmp_path / "doctrees", ".", tmp_path / "site"],
        cwd=project,
        env=env,
        capture_output=True,
        text=True,
    )
    assert result.returncode == 0, result.stderr
    page = (tmp_path / "site" / "docs" / "api" / "common.losses.html").read_text()
    from common import losses

    assert not [name for name in losses.__all__ if f'id="common.losses.{name}"' not in page]
