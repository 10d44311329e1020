"""Settings of an archive."""

from __future__ import annotations

from common.study.finish import overruled
from tests.common.study.builders import plan


def test_what_the_plan_sets_in_place_of_an_overlay_goes_into_the_archive():
    settings = {"device": "cpu", "pretrained_weights": "imagenet", "image_size": [128, 128], "scale_intensity#minv": 0.0}
    made = plan(bundle="radiomics_deep_contrast", settings=settings, train={"lesion_share": 0.5, "max_epochs": 3})
    found = overruled(made, ["imagenet", "pooled_view", "/study/final/ensemble.yaml"])
    assert found == {"image_size": [128, 128], "scale_intensity#minv": 0.0, "lesion_share": 0.5}
    assert overruled(made, []) == {}
