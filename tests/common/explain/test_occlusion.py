from __future__ import annotations

import numpy as np
import pytest
import torch
from monai.transforms import Compose, EnsureTyped, Transposed
from torch import nn

from common.explain import occlusion_map, upright


class Corner(nn.Module):
    """Looks at one place of the first channel alone, of volumes at a column: class 1 if it is bright."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        seen = x[:, 0, 2:4, 2:4].flatten(1).mean(1)
        return torch.stack([1 - seen, seen], dim=1)


@pytest.mark.parametrize("shape", [(2, 16, 16), (1, 12, 12, 12)])
def test_the_map_is_highest_where_the_network_looks(shape):
    network = torch.jit.script(Corner())  # as in an archive: no hooks, no gradients
    heat = occlusion_map(network, torch.ones(shape), 1)
    assert heat.shape == shape[1:]
    peak = np.unravel_index(heat.argmax(), heat.shape)
    assert all(index <= 6 for index in peak[:2]) and heat.max() > 0.1
    assert abs(heat[-2, -2]).max() < 1e-6
    opposite = occlusion_map(network, torch.ones(shape), 0)
    np.testing.assert_allclose(opposite, -heat, atol=1e-6)


@pytest.mark.parametrize(
    ("shape", "passes"),
    [((1, 32, 32, 40), 5**3), ((1, 196, 160), 15**2), ((1, 2, 16, 16), 5**2), ((1, 16, 1, 16), 5**2)],
)
def test_a_map_takes_no_more_passes_than_half_steps_need(shape, passes):
    seen = []

    def network(x: torch.Tensor) -> torch.Tensor:
        seen.append(len(x))
        return torch.ones(len(x), 2)

    occlusion_map(network, torch.ones(shape), 1)
    assert sum(seen) - 1 < passes + 4  # the whole image, and the rest of the last batch


def test_upright_undoes_the_exchange_of_axes():
    image = torch.arange(24.0).reshape(1, 2, 3, 4)
    preprocessing = Compose([Transposed("image", [0, 3, 1, 2]), EnsureTyped("image")])
    changed = preprocessing({"image": image})["image"]
    np.testing.assert_array_equal(upright(changed.numpy(), preprocessing), image.numpy())
    np.testing.assert_array_equal(upright(image.numpy(), Compose([EnsureTyped("image")])), image.numpy())
