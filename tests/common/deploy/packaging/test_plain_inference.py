from __future__ import annotations

import json

import pytest

from common.deploy.packaging.plain_inference import plain_inference
from common.deploy.verification.scan.configs import scan_config
from tests.common.deploy.tiny_bundles import SETTINGS, tiny_configs


@pytest.mark.parametrize("bundle", SETTINGS)
def test_what_is_left_is_on_the_allow_list(bundle):
    config = plain_inference(tiny_configs(bundle)["inference"])
    assert scan_config(json.dumps(config).encode()) == []
    assert not any(name in json.dumps(config["preprocessing"]) for name in ("@", "_disabled_", "None"))


def test_settings_become_values_and_what_they_switch_off_is_left_out():
    inference = {**tiny_configs("siam3d_imbalance")["inference"], "spacing": None}
    found = plain_inference(inference)["preprocessing"]["transforms"]
    names = [transform["_target_"] for transform in found]
    assert names == [
        "LoadImaged",
        "Orientationd",
        "ScaleIntensityRanged",
        "BorderPadd",
        "Lambda",
        "ResizeWithPadOrCropd",
        *names[-2:],
    ]
    assert found[3]["spatial_border"] == [14, 14, 14] and found[5]["spatial_size"] == [27, 27, 27]
    spaced = plain_inference({**inference, "spacing": [2, 2, 2], "image_size": [9, 9, 9]})["preprocessing"][
        "transforms"
    ]
    by_name = {transform["_target_"]: transform for transform in spaced}
    assert by_name["Spacingd"]["pixdim"] == [2, 2, 2] and by_name["Resized"]["spatial_size"] == [9, 9, 9]


def test_the_table_of_results_has_a_column_for_no_call():
    inference = {**tiny_configs("siam3d_imbalance")["inference"], "num_classes": 3}
    columns = plain_inference(inference)["columns"]
    assert columns == ["subject", "probability_0", "probability_1", "probability_2", "no_call"]


def test_users_can_still_set_where_things_are_and_how_they_run():
    config = plain_inference(tiny_configs("liver_cgc")["inference"])
    options = ("dataset_dir", "datalist", "section", "output_dir", "device", "batch_size", "num_workers", "amp")
    assert set(options) <= config.keys()
    assert config["datalist"] == "$@dataset_dir + '/datalist.json'"
    assert config["apply_mask"] is True and config["in_channels"] == 3  # asked for by scripts/predict.py
    assert "mean" not in config and "scale_intensity" not in config  # worked out
