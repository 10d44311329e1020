from __future__ import annotations

import pytest
import torch
from torch import nn

from common import InputError
from common.networks import load_parts


def network(channels: int = 2) -> nn.Module:
    return nn.ModuleDict({"encoder": nn.Conv1d(channels, 3, 1), "projector": nn.Linear(3, 4), "head": nn.Linear(4, 2)})


@pytest.fixture
def pretrained(tmp_path):
    torch.manual_seed(7)
    state = {f"online.{name}": value for name, value in network().state_dict().items() if "head" not in name}
    torch.save({"network": state}, tmp_path / "model.pt")
    return tmp_path / "model.pt"


def test_the_named_parts_get_the_weights_and_the_others_keep_theirs(pretrained):
    start = network()
    before = {name: value.clone() for name, value in start.state_dict().items()}
    parts = {"encoder": "online.encoder.", "projector": "online.projector."}
    assert load_parts(start, pretrained, parts) is start
    state = torch.load(pretrained, weights_only=True)["network"]
    for name, value in start.state_dict().items():
        assert torch.equal(value, before[name] if "head" in name else state[f"online.{name}"])


def test_without_a_file_the_random_start_stays():
    start = network()
    before = {name: value.clone() for name, value in start.state_dict().items()}
    load_parts(start, None, {"encoder": "online.encoder."})
    assert all(torch.equal(value, before[name]) for name, value in start.state_dict().items())


def test_another_number_of_channels_is_refused_unless_allowed(pretrained):
    parts = {"encoder": "online.encoder."}
    with pytest.raises(InputError, match="another architecture"):
        load_parts(network(channels=1), pretrained, parts)
    loaded = load_parts(network(channels=1), pretrained, parts, any_channels=True)
    state = torch.load(pretrained, weights_only=True)["network"]
    expected = state["online.encoder.weight"].sum(dim=1, keepdim=True)  # equal modalities give the same features
    torch.testing.assert_close(loaded["encoder"].weight, expected)
