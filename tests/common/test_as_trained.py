"""Tests of settings that come from a checkpoint."""

from __future__ import annotations

import pytest
from monai.bundle import ConfigParser

from common.as_trained import unsafe_settings
from common.references import closure
from tests.bundles.bundle_files import BUNDLES

OVERLAYS = [
    pytest.param(bundle, path, id=f"{bundle.name}-{path.stem}")
    for bundle in BUNDLES
    for path in sorted((bundle / "configs").glob("*.yaml"))
    if path.read_text().startswith("# Overlay on pretrain.yaml")
]


@pytest.mark.parametrize(("bundle", "overlay"), OVERLAYS)
def test_the_network_of_each_pre_training_is_taken_from_its_checkpoint(bundle, overlay):
    parser = ConfigParser()
    parser.read_config([bundle / "configs/pretrain.yaml", overlay])
    content = parser.get()
    settings = {name: content[name] for name in closure(content, ["network_def"])}
    assert "network_def" in settings and unsafe_settings(settings, str(bundle)) == []


def test_an_overlay_of_a_part_of_an_id_allows_no_other_component():
    liver = next(bundle for bundle in BUNDLES if bundle.name == "liver_cgc")
    settings = {
        "network_def": {"_target_": "os.system"},
        "fusion": {"_target_": "common.networks.MomentumSiameseNetwork"},
    }
    assert unsafe_settings(settings, str(liver)) == ["network_def", "fusion"]
