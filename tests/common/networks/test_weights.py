from __future__ import annotations

import logging
import pickle
import re
import zipfile

import pytest
import torch
from monai.bundle import ConfigParser
from torch import nn

from common.checkpoints import read_checkpoint
from common.errors import InputError
from common.networks import load_weights


def net(width: int = 3) -> nn.Module:
    return nn.Sequential(nn.Linear(2, width), nn.Linear(width, 1))


def test_weights_come_from_the_file(tmp_path):
    source = net()
    torch.save(source.state_dict(), tmp_path / "w.pt")
    loaded = load_weights(net(), tmp_path / "w.pt")
    assert all(torch.equal(a, b) for a, b in zip(loaded.parameters(), source.parameters(), strict=True))


def test_a_prefix_takes_one_part_of_a_larger_network(tmp_path):
    whole = nn.ModuleDict({"encoder": net(), "predictor": net()})
    torch.save({"network": whole.state_dict(), "engine": {"iteration": 3}}, tmp_path / "checkpoint.pt")
    loaded = load_weights(net(), tmp_path / "checkpoint.pt", prefix="encoder.")
    assert all(torch.equal(a, b) for a, b in zip(loaded.parameters(), whole["encoder"].parameters(), strict=True))


def test_without_a_file_the_log_says_that_weights_are_random(caplog):
    with caplog.at_level(logging.INFO):
        load_weights(net(), None)
    assert "random weights" in caplog.text


def test_another_architecture_is_one_line_that_lists_keys_and_leaves_the_network_alone(tmp_path):
    torch.save(net(width=5).state_dict(), tmp_path / "w.pt")
    target = net()
    before = [p.clone() for p in target.parameters()]
    with pytest.raises(
        InputError, match=r"w\.pt: weights of another architecture.*3 keys of another shape \(0\.weight"
    ) as e:
        load_weights(target, tmp_path / "w.pt")
    assert "\n" not in str(e.value)
    assert all(torch.equal(a, b) for a, b in zip(target.parameters(), before, strict=True))


def test_missing_and_unexpected_keys_are_named(tmp_path):
    torch.save({"0.weight": torch.zeros(3, 2), "other": torch.zeros(1)}, tmp_path / "w.pt")
    with pytest.raises(InputError, match=r"3 keys missing \(0\.bias.*1 keys unexpected \(other\)"):
        load_weights(net(), tmp_path / "w.pt")


@pytest.mark.parametrize("content", [b"", b"garbage", b"hello", b"\x80\x02.", b"PK\x03\x04truncated"])
def test_an_unreadable_file_is_one_line(tmp_path, content):
    (tmp_path / "w.pt").write_bytes(content)
    with pytest.raises(InputError, match="not a readable checkpoint") as refused:
        read_checkpoint(tmp_path / "w.pt")
    assert "\n" not in str(refused.value) and "weights_only" not in str(refused.value)


def test_a_checkpoint_with_code_in_it_is_refused_without_advice_to_read_it_all_the_same(tmp_path):
    torch.save({"network": net()}, tmp_path / "w.pt")
    expected = r"holds more than tensors .*, such as .*Linear.*, and reading that could run code"
    with pytest.raises(InputError, match=expected) as refused:
        read_checkpoint(tmp_path / "w.pt")
    assert "weights_only" not in str(refused.value)


def test_a_file_with_no_dictionary_in_it_is_one_line(tmp_path):
    torch.save(torch.zeros(3), tmp_path / "w.pt")
    with pytest.raises(
        InputError, match=r"w\.pt: holds a Tensor; expected a dictionary of tensors; name another file$"
    ):
        load_weights(net(), tmp_path / "w.pt")


def test_a_missing_file_is_one_line(tmp_path):
    with pytest.raises(InputError, match="no such checkpoint"):
        read_checkpoint(tmp_path / "none.pt")


@pytest.mark.parametrize("content", [{1: torch.zeros(1)}, {"0.weight": "hello"}, {"network": [1]}, {}])
def test_odd_content_is_one_line(tmp_path, content):
    torch.save(content, tmp_path / "w.pt")
    with pytest.raises(InputError, match=r"w\.pt: ") as refused:
        load_weights(net(), tmp_path / "w.pt")
    assert "\n" not in str(refused.value)


def test_a_checkpoint_with_a_changed_byte_is_refused_though_torch_reads_it(tmp_path):
    torch.save({"weight": torch.zeros(64, 64)}, tmp_path / "model.pt")
    content = bytearray((tmp_path / "model.pt").read_bytes())
    content[content.index(bytes(4096)) + 2000] = 1
    (tmp_path / "model.pt").write_bytes(content)
    assert torch.load(tmp_path / "model.pt", weights_only=True)["weight"].any()
    with pytest.raises(InputError, match=r"model.pt: not a readable checkpoint \(damaged in '.*data/0'\)"):
        read_checkpoint(tmp_path / "model.pt")


@pytest.mark.parametrize("method", [zipfile.ZIP_DEFLATED, zipfile.ZIP_LZMA])
def test_a_checkpoint_with_a_changed_directory_is_one_line(tmp_path, method):
    torch.save({"weight": torch.zeros(64, 64)}, tmp_path / "model.pt")
    content = bytearray((tmp_path / "model.pt").read_bytes())
    for entry in re.finditer(rb"PK\x01\x02", bytes(content)):
        content[entry.start() + 10] = method  # the bytes are stored, not compressed
    (tmp_path / "model.pt").write_bytes(content)
    with pytest.raises(InputError, match=r"model.pt: not a readable checkpoint"):
        read_checkpoint(tmp_path / "model.pt")


@pytest.mark.parametrize("value", [float("nan"), float("-inf")])
def test_weights_that_are_no_numbers_are_refused(tmp_path, value):
    torch.save({"weight": torch.full((2, 3), value), "bias": torch.zeros(2)}, tmp_path / "model.pt")
    with pytest.raises(InputError, match=r"model.pt: 1 keys of NaN or infinity \(weight\)"):
        load_weights(nn.Linear(3, 2), tmp_path / "model.pt")


@pytest.mark.filterwarnings("error")
def test_torchs_words_on_pickles_reach_nobody(tmp_path):
    (tmp_path / "model.pt").write_bytes(pickle.dumps({"weight": print}, protocol=4))
    with pytest.raises(InputError, match=r"holds more than tensors") as caught:
        read_checkpoint(tmp_path / "model.pt")
    assert "weights_only" not in str(caught.value)


@pytest.mark.parametrize(("named", "logged"), [({}, True), ({"pretrained_encoder": "a.pt"}, False)])
def test_a_random_start_is_logged_unless_the_config_names_other_weights_too(caplog, named, logged):
    linear = {"_target_": "torch.nn.Linear", "in_features": 2, "out_features": 1}
    network = {"_target_": "common.networks.load_weights", "module": linear, "path": "@pretrained_weights"}
    parser = ConfigParser({"pretrained_weights": None, "pretrained_encoder": None, "network": network} | named)
    with caplog.at_level(logging.INFO):
        parser.get_parsed_content("network")
    assert ("Linear starts from random weights: no checkpoint was named." in caplog.text) == logged
