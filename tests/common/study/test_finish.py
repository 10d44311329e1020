from __future__ import annotations

from common.study.finish import overlaid_settings
from tests.common.study.builders import plan


def test_settings_of_the_plan_win_over_those_of_an_overlay_in_the_archive_too():
    settings = {"image_size": [128, 128], "device": "cpu", "scale_intensity#minv": 0.0}
    study = plan(bundle="radiomics_deep_contrast", settings=settings, train={"lesion_share": 0.5, "max_epochs": 3})
    found = overlaid_settings(study, ["imagenet", "pooled_view", "/study/final/ensemble.yaml"])
    assert found == {"image_size": [128, 128], "scale_intensity#minv": 0.0, "lesion_share": 0.5}
    assert overlaid_settings(study, []) == {}
