from __future__ import annotations

import pytest
import torch
from torch import nn

from common.benchmark import complexity_table, count_macs, measure_complexity
from common.networks import CrossModalityConv, CrossModalityGroupConv

C, M, SIZE = 16, 3, 5


@pytest.mark.parametrize("groups", [1, 4, 16])
def test_the_counter_agrees_with_the_formula(groups):
    """Each output value of a grouped convolution takes C / g inputs, M times as many in the first layer."""
    cross, pointwise = C * C * M // groups * SIZE**2, C * C // groups * SIZE**2
    network = CrossModalityGroupConv(C, M, groups, num_pointwise=3)
    assert count_macs(network, (C, M, SIZE, SIZE)) == cross + 3 * pointwise
    assert count_macs(CrossModalityConv(C, M), (C, M, SIZE, SIZE)) == C * C * M * SIZE**2


def test_counting_leaves_the_network_as_it_was():
    network = nn.Sequential(nn.Conv2d(2, 3, 3, padding=1), nn.BatchNorm2d(3), nn.Flatten(), nn.Linear(48, 2)).train()
    before = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    assert count_macs(network, (2, 4, 4)) == 2 * 3 * 9 * 16 + 48 * 2
    assert network.training
    assert all(torch.equal(tensor, before[name]) for name, tensor in network.state_dict().items())


def test_every_network_is_counted_timed_and_compared_with_cgc():
    result = measure_complexity(C, SIZE, M, groups=4, batch_size=2, rounds=2, steps=1)
    rows = result["rows"]
    assert list(rows) == ["CGC", "CMC", "dense"]
    assert rows["CMC"]["parameters"] == C * C * M
    assert rows["dense"]["parameters"] == C * C * (M + 3) + 4 * 2 * C
    for row in rows.values():
        assert row["macs"] > 0 and 0 < row["forward"]["min"] <= row["forward"]["median"]
        for key in ("parameters", "macs"):
            assert row["ratios"][key] == row[key] / rows["CGC"][key]
        key = "forward+backward"
        assert row["ratios"][key] == pytest.approx(row[key]["median"] / rows["CGC"][key]["median"])
    table = complexity_table(result)
    assert f"{rows['dense']['macs'] / 1e6:.1f} (x{rows['dense']['ratios']['macs']:.2f})" in table
    assert "channels 16, size 5, modalities 3, groups 4, batch_size 2" in table
