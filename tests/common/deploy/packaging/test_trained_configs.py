from __future__ import annotations

import json

import pytest
import torch
from monai.bundle import ConfigParser

from common import InputError
from common.deploy.packaging.plain_inference import plain_inference
from common.deploy.packaging.trained_configs import eager_inference, put_recorded, read_configs, with_known_sizes
from common.radiomics.scaling import FittedScaling
from common.references import closure, evaluated, references
from tests.common.deploy.tiny_bundles import FOLDERS, SETTINGS, SOFTMAX, random_weights, tiny_configs


@pytest.fixture(params=list(SETTINGS))
def bundle(request) -> str:
    return request.param


def test_every_config_has_its_twin_which_json_can_hold(bundle):
    names = {path.stem for path in (FOLDERS[bundle] / "configs").iterdir()} - {"metadata", "logging"}
    configs = tiny_configs(bundle)
    assert set(configs) == names
    assert json.loads(json.dumps(configs)) == configs


def test_settings_reach_all_configs_that_have_them_and_no_overlay():
    configs = read_configs(FOLDERS["siam3d_imbalance"], settings={"box_size": (8, 8, 8), "network_def#num_classes": 5})
    assert all(configs[name]["box_size"] == [8, 8, 8] for name in ("pretrain", "train", "inference"))
    assert configs["lung"]["box_size"] == [224, 224, 224]
    assert configs["train"]["network_def"]["num_classes"] == 5
    with pytest.raises(InputError, match="bx_size: no config of siam3d_imbalance has this id"):
        read_configs(FOLDERS["siam3d_imbalance"], settings={"bx_size": 3})


def test_inference_gets_what_the_training_left_at_its_default_as_its_own_defaults_are_of_the_weights_that_ship(bundle):
    configs = read_configs(FOLDERS[bundle])
    train, inference = configs["train"], configs["inference"]
    found = put_recorded(configs, {"image_size": [48, 48]})
    keys = {"scale_intensity", "spacing", "apply_mask", "crop_foreground", "lesion_share", "enlarge"}
    for key in keys & set(inference):
        assert found["inference"][key] == train[key], key
    assert found["inference"]["image_size"] == found["train"]["image_size"] == [48, 48]
    assert found["inference"]["network_def"] == inference["network_def"]
    assert found["pretrain"]["image_size"] == [48, 48]
    assert all(found["pretrain"][key] == value for key, value in configs["pretrain"].items() if key != "image_size")


def test_zeros_for_missing_modalities_in_the_training_are_in_the_archive_too():
    configs = put_recorded(read_configs(FOLDERS["liver_cgc"]), {"missing": "zeros"})
    assert configs["train"]["missing"] == plain_inference(configs["inference"])["missing"] == "zeros"


def test_an_overlay_is_laid_over_what_it_is_for():
    configs = read_configs(FOLDERS["liver_cgc"], ["cmc"])
    assert configs["train"]["fusion"]["_target_"] == "common.networks.CrossModalityConv"
    assert "fusion" not in configs["pretrain"] and "fusion" not in configs["evaluate"]
    configs = read_configs(FOLDERS["siam3d_imbalance"], ["lung"])
    assert configs["inference"]["num_classes"] == configs["train"]["num_classes"] == 3
    assert configs["pretrain"]["image_size"] == configs["inference"]["image_size"] == [112, 112, 112]
    assert "num_classes" not in configs["pretrain"]
    with pytest.raises(InputError, match="nothing: the bundle has no such config"):
        read_configs(FOLDERS["siam3d_imbalance"], ["nothing"])


def test_an_overlay_may_refer_to_ids_that_inference_lacks():
    assert read_configs(FOLDERS["radiomics_deep_contrast"], ["kidney", "image_view"])["inference"]["in_channels"] == 10


@pytest.mark.parametrize("number", [1, 6])
def test_inference_says_which_slices_of_a_volume_are_channels(number):
    configs = read_configs(FOLDERS["radiomics_deep_contrast"], ["image_view"])
    assert "lesion_slices" not in put_recorded(configs, {})["inference"]  # trained on pictures
    inference = put_recorded(configs, {"lesion_slices": number, "in_channels": number, "slice_axis": 0})["inference"]
    plain = plain_inference({**inference, "num_classes": 2})
    assert (plain["lesion_slices"], plain["in_channels"], plain["slice_axis"]) == (number, number, 0)


def test_inference_gets_the_network_of_evaluation_with_calibrated_probabilities(bundle, tmp_path):
    weights = random_weights(bundle, tmp_path)
    configs = tiny_configs(bundle)
    eager = eager_inference(configs, {**SOFTMAX, "temperature": 2.0, "threshold": 0.9}, weights)
    assert evaluated(eager, "checkpoint").endswith(f"bundles/{bundle}/models/model.pt")
    network = evaluated({**eager, "checkpoint": str(weights), "device": "cpu"}, "network").eval()
    whole = {**configs["train"], **configs["evaluate"], "checkpoint": str(weights)}
    whole |= {name: eager[name] for name in ("in_channels", "num_classes")}  # no datalist is there to count them
    plain = evaluated(whole, "network_def").eval()
    plain.load_state_dict(torch.load(weights))
    channels, size = evaluated(eager, "in_channels"), evaluated(eager, "image_size")
    image = torch.rand(2, channels, *size, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        logits = plain(image)
        torch.testing.assert_close(network(image)[:, :-1], (logits / 2).softmax(1))
        assert network(image)[:, -1].tolist() == [1, 1]


def test_nothing_of_the_network_depends_on_files_that_an_archive_lacks(bundle, tmp_path):
    configs = tiny_configs(bundle)
    eager = eager_inference(configs, SOFTMAX, tmp_path / "model.pt")
    train = with_known_sizes(configs["train"], eager)
    for config in (eager, train):
        needed = closure(config, ["network_def"])
        assert not {"scaling", "datalist", "rows", "dataset_dir"} & set(needed)
    assert evaluated({**train, "device": "cpu"}, "network_def")  # no data is there


def test_a_size_that_is_read_from_a_file_beside_the_weights_becomes_a_number(tmp_path):
    FittedScaling(("a", "b", "c"), *[(0.0, 1.0, 2.0)] * 3).save(tmp_path / "scaling.json")
    settings = {key: value for key, value in SETTINGS["radiomics_deep_contrast"].items() if key != "num_radiomics"}
    configs = read_configs(FOLDERS["radiomics_deep_contrast"], ["image_view"], settings)
    eager = eager_inference(configs, SOFTMAX, tmp_path / "model.pt")
    assert eager["num_radiomics"] == with_known_sizes(configs["train"], eager)["num_radiomics"] == 3
    assert str(tmp_path) not in json.dumps([eager, with_known_sizes(configs["train"], eager)])


def test_references_are_found_wherever_they_are():
    value = {"a": ["@x#1", {"_target_": "A", "b": "$@y::z + '@w'"}], "c": "no @v", "d": 3}
    assert references(value) == {"x", "y", "w"}
    config = {"p": "@q", "q": {"r": "$@s + 1"}, "s": 2, "t": "@p"}
    assert closure(config, ["p"]) == ["p", "q", "s"]
    assert ConfigParser(config).get_parsed_content("q")["r"] == 3
