"""A run that is killed and started again ends with the weights of one that was never killed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import SimpleNamespace

import pytest

from tests.bundles.killing import check_killed_run


class SharedResume:
    """Tests of every bundle's ``test_resume.py``."""

    #: case: config and overlays of a training, and options
    killed_runs: Mapping[str, tuple[Sequence[str], Mapping[str, object]]]

    @pytest.mark.slow
    def test_a_run_killed_within_an_epoch_ends_with_the_same_weights(self, killed_run, configs, settings, tmp_path):
        case, (names, options) = killed_run
        options = settings(names[0]) | {"cache_dir": tmp_path / "cache"} | options
        self.check(case, check_killed_run([configs / name for name in names], tmp_path, **options))

    def check(self, case: str, runs: SimpleNamespace) -> None:
        """What else holds of a case; ``runs`` is what :func:`check_killed_run` returns."""
