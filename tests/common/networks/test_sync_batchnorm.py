from __future__ import annotations

import copy

import pytest
import torch
from torch import nn

from common.networks import convert_sync_batchnorm
from tests.two_processes import run_two_processes


def network() -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(nn.Conv3d(2, 3, 1), nn.BatchNorm3d(3), nn.ReLU(), nn.Flatten(2))


def batch() -> torch.Tensor:
    # a mean beside which the variance is small
    return torch.rand(4, 2, 3, 4, 5, generator=torch.Generator().manual_seed(1)) + 3


def process(rank: int, folder: str) -> None:
    net, x = convert_sync_batchnorm(network(), torch.device("cpu")), batch()[rank::2].requires_grad_()
    output = net(x)
    output.square().sum().backward()
    gradients = {name: parameter.grad for name, parameter in net.named_parameters()}
    torch.save({"output": output, "x": x.grad, "gradients": gradients, **net.state_dict()}, f"{folder}/{rank}.pt")


@pytest.mark.slow
def test_two_processes_normalise_as_one_does_the_joined_batch(tmp_path):
    run_two_processes(process, tmp_path)
    parts = [torch.load(tmp_path / f"{rank}.pt", weights_only=True) for rank in range(2)]
    net, x = network(), batch().requires_grad_()
    output = net(x)
    output.square().sum().backward()
    for rank, part in enumerate(parts):
        torch.testing.assert_close(part["output"], output[rank::2], rtol=1e-3, atol=1e-3)
        torch.testing.assert_close(part["x"], x.grad[rank::2], rtol=1e-3, atol=1e-2)
        torch.testing.assert_close(part["1.running_mean"], net[1].running_mean)
        torch.testing.assert_close(part["1.running_var"], net[1].running_var)
    for name, parameter in net.named_parameters():
        total = parts[0]["gradients"][name] + parts[1]["gradients"][name]
        torch.testing.assert_close(total, parameter.grad, rtol=1e-3, atol=1e-2, msg=name)


def test_conversion_keeps_parameters_buffers_and_alone_the_output():
    net, x = network(), batch()
    synced = convert_sync_batchnorm(copy.deepcopy(net), torch.device("cpu"))
    assert synced.state_dict().keys() == net.state_dict().keys()
    torch.testing.assert_close(synced(x), net(x))
    assert torch.equal(synced.eval()(x), net.eval()(x))


def test_on_a_gpu_it_is_torch_s_own():
    synced = convert_sync_batchnorm(network(), torch.device("cuda"))
    assert isinstance(synced[1], nn.SyncBatchNorm)


def test_what_had_no_gradient_still_has_none():
    network = nn.Sequential(nn.BatchNorm2d(2), nn.Sequential(nn.BatchNorm1d(3).requires_grad_(False)))
    converted = convert_sync_batchnorm(network, torch.device("cpu"))
    assert [parameter.requires_grad for parameter in converted.parameters()] == [True, True, False, False]


def test_a_batch_norm_without_affine_parameters_is_converted_too():
    net, x = nn.Sequential(nn.BatchNorm1d(3, affine=False)), torch.rand(4, 3)
    synced = convert_sync_batchnorm(copy.deepcopy(net), torch.device("cpu"))
    assert not list(synced.parameters()) and synced.state_dict().keys() == net.state_dict().keys()
    torch.testing.assert_close(synced(x), net(x))


def test_a_batch_norm_without_affine_parameters_normalises_the_joined_batch_of_one_process(monkeypatch):
    monkeypatch.setattr(torch.distributed, "is_initialized", lambda: True)
    monkeypatch.setattr("common.networks.sync_batchnorm.all_reduce", lambda tensor: tensor)
    net, x = nn.Sequential(nn.BatchNorm1d(3, affine=False)), torch.rand(4, 3)
    torch.testing.assert_close(convert_sync_batchnorm(copy.deepcopy(net), torch.device("cpu"))(x), net(x))
