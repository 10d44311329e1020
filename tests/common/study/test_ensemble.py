"""The networks of the folds as one."""

from __future__ import annotations

import torch
from monai.bundle import ConfigParser

from common.bundle_configs import BundleConfigs
from common.study.ensemble import write_ensemble
from common.training_record import read_training_record, with_training_record

SIZES = {"num_classes": 2, "in_channels": 1, "channels": [4, 4, 4, 4]}


def test_the_network_of_an_ensemble_averages_the_probabilities_of_its_members(tmp_path):
    configs = BundleConfigs("siam3d_imbalance")
    networks, paths = [], []
    for fold in range(2):
        torch.manual_seed(fold)
        networks.append(network(configs.path("train")))
        record = {"bundle": "siam3d_imbalance", "config": "train", "settings": SIZES, "versions": {}, "fold": fold}
        subjects = {"training": [f"s{fold}", "s2"], "validation": []}
        paths.append(tmp_path / f"fold{fold}.pt")
        torch.save(with_training_record(networks[-1].state_dict(), {**record, "subjects": subjects}), paths[-1])
    overlay = write_ensemble(configs, [], paths, tmp_path)
    joined = network(configs.path("train"), overlay)
    joined.load_state_dict(torch.load(tmp_path / "model.pt", weights_only=True))
    image = torch.rand(3, 1, 27, 27, 27, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        expected = torch.stack([each.eval()(image).softmax(1) for each in networks]).mean(0)
        torch.testing.assert_close(joined.eval()(image).softmax(1), expected)
    found = read_training_record(tmp_path / "model.pt")
    assert found["subjects"] == {"training": ["s0", "s1", "s2"], "validation": []} and found["fold"] is None
    assert found["settings"]["network_def"]["number"] == 2


def network(*files) -> torch.nn.Module:
    parser = ConfigParser()
    parser.read_config([str(path) for path in files])
    parser.update(SIZES)
    return parser.get_parsed_content("network_def")


def test_members_of_which_nothing_is_known_make_an_ensemble_without_a_record(tmp_path):
    configs = BundleConfigs("siam3d_imbalance")
    torch.save({"weight": torch.ones(2)}, tmp_path / "one.pt")
    write_ensemble(configs, [], [tmp_path / "one.pt"], tmp_path)
    assert read_training_record(tmp_path / "model.pt") is None
    assert set(torch.load(tmp_path / "model.pt", weights_only=True)) == {"members.0.weight"}
