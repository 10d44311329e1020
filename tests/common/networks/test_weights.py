from __future__ import annotations

import logging

import pytest
import torch
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
