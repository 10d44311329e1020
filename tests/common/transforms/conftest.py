"""Images and helpers of the batch transforms' tests."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F


def smooth_images(*shape: int) -> torch.Tensor:
    """Random images ``B[C]H...`` of some smoothness, values in [0, 255], the same at each call."""
    generator = torch.Generator().manual_seed(3)
    coarse = torch.rand(*shape[:2], *(max(2, length // 4) for length in shape[2:]), generator=generator)
    return F.interpolate(coarse, size=shape[2:], mode="trilinear" if len(shape) == 5 else "bilinear") * 255


@pytest.fixture(params=[(4, 2, 13, 10, 8), (4, 3, 17, 12)], ids=["3d", "2d"])
def images(request: pytest.FixtureRequest) -> torch.Tensor:
    """A batch of non-cubic volumes or slices."""
    return smooth_images(*request.param)


@pytest.fixture
def play_process(monkeypatch: pytest.MonkeyPatch):
    """``play_process(rank, world_size)``: from now on, act as that process of a group."""

    def play(rank: int, world_size: int) -> None:
        monkeypatch.setattr("ignite.distributed.get_rank", lambda: rank)
        monkeypatch.setattr("ignite.distributed.get_world_size", lambda: world_size)

    return play
