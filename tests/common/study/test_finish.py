from __future__ import annotations

import subprocess
from contextlib import nullcontext

import pytest

from common.errors import InputError
from common.study.finish import overlaid_settings
from common.study.trial import try_hybrid
from tests.common.study.builders import plan


def test_settings_of_the_plan_win_over_those_of_an_overlay_in_the_archive_too():
    settings = {"image_size": [128, 128], "device": "cpu", "scale_intensity#minv": 0.0}
    study = plan(bundle="radiomics_deep_contrast", settings=settings, train={"lesion_share": 0.5, "max_epochs": 3})
    found = overlaid_settings(study, ["imagenet", "pooled_view", "/study/final/ensemble.yaml"])
    assert found == {"image_size": [128, 128], "scale_intensity#minv": 0.0, "lesion_share": 0.5}
    assert overlaid_settings(study, []) == {}


@pytest.mark.parametrize(
    ("said", "last"), [("", "exit code -9"), ("Traceback\nOSError: no mask\n", "OSError: no mask")]
)
def test_an_archive_that_does_not_run_is_refused_with_its_last_line_if_it_has_one(said, last, monkeypatch, tmp_path):
    monkeypatch.setattr("common.deploy.verification.archive.open_archive", nullcontext)
    monkeypatch.setattr(subprocess, "run", lambda *_, **__: subprocess.CompletedProcess([], -9, "", said))
    with pytest.raises(InputError, match=f"a.zip: does not run: {last}$"):
        try_hybrid(tmp_path / "a.zip", [], tmp_path / "trial", "cpu")
