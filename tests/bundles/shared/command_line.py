"""Configs and overlays as a user starts them, from any working directory."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pandas as pd
import pytest


class SharedCommandLine:
    """Tests of a bundle's ``test_command_line.py``."""

    #: case: overlays of pretrain.yaml, and options with the number of epochs
    pretrainings: Mapping[str, tuple[Sequence[str], dict]]
    #: case: fixture of its cohort, where it is not the one of ``tiny``
    cohorts: Mapping[str, str] = {}

    @pytest.mark.slow
    def test_pretraining_runs_with_overlays(self, pretraining, run_elsewhere, request):
        case, (overlays, options) = pretraining
        if case in self.cohorts:
            options = options | {"dataset_dir": request.getfixturevalue(self.cohorts[case])}
        output_dir = run_elsewhere("training", ["pretrain.yaml", *overlays], batch_size=4, **options)
        assert (output_dir / "model.pt").is_file()
        assert len(pd.read_csv(output_dir / "metrics.csv")) == options["max_epochs"]
