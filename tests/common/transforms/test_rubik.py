from __future__ import annotations

import pytest
import torch

from common.engines import PrepareRubik
from common.errors import InputError
from common.losses import RubikLoss
from common.networks import BottleneckEncoder, RubikNetwork, RubikOutput
from common.transforms import RubikCubes, RubikMoves


def naive(volume: torch.Tensor, permutation: list[int], turned: torch.Tensor) -> list[torch.Tensor]:
    halves = [[slice(0, n // 2), slice(n // 2, n // 2 * 2)] for n in volume.shape[1:]]
    cubes = [volume[:, halves[0][i], halves[1][j], halves[2][k]] for i in (0, 1) for j in (0, 1) for k in (0, 1)]
    found = []
    for place, (horizontal, vertical) in zip(permutation, turned.bool().tolist(), strict=True):
        cube = cubes[place]
        cube = cube.rot90(2, (2, 3)) if horizontal else cube
        cube = cube.rot90(2, (1, 2)) if vertical else cube
        found.append((cube - cube.mean()) / cube.std(correction=0))
    return found


def test_cubes_without_a_gap_are_those_of_a_loop():
    torch.manual_seed(0)
    image = torch.rand(3, 2, 6, 8, 4)
    tool = RubikCubes(20, cube_share=1.0)
    cubes, moves = tool(image)
    assert cubes.shape == (3, 8, 2, 3, 4, 2) and moves.turned.unique().tolist() == [0, 1]
    for b in range(3):
        expected = naive(image[b], tool.permutations[moves.order[b]].tolist(), moves.turned[b])
        for found, cube in zip(cubes[b], expected, strict=True):
            torch.testing.assert_close(found, cube)


def test_cubes_with_a_gap_are_smaller_and_the_batch_stays_as_it_is():
    image = torch.rand(2, 1, 16, 16, 16)
    before = image.clone()
    cubes, _ = RubikCubes(10)(image)
    assert cubes.shape == (2, 8, 1, 7, 7, 7) and torch.equal(image, before)
    torch.testing.assert_close(cubes.mean(dim=(2, 3, 4, 5)), torch.zeros(2, 8), atol=1e-5, rtol=0)


def test_slices_are_refused_in_one_line():
    with pytest.raises(InputError, match="expected volumes"):
        RubikCubes(10)(torch.rand(2, 1, 16, 16))


def test_the_loss_is_half_of_each_cross_entropy():
    torch.manual_seed(0)
    output = RubikOutput(torch.randn(2, 5), torch.randn(2, 8, 2), torch.randn(2, 3))
    moves = RubikMoves(torch.tensor([1, 4]), torch.randint(0, 2, (2, 8, 2)).float())
    order = -sum(output.order[b].log_softmax(0)[moves.order[b]] for b in range(2)) / 2
    p = output.turned.sigmoid()
    turned = -(moves.turned * p.log() + (1 - moves.turned) * (1 - p).log()).mean()
    torch.testing.assert_close(RubikLoss()(output, moves), 0.5 * order + 0.5 * turned)
    equal = RubikOutput(torch.zeros(2, 5), torch.zeros(2, 8, 2), output.feature)
    assert RubikLoss()(equal, moves) == pytest.approx(RubikLoss().chance(equal))


def test_the_encoder_learns_to_recognise_turned_cubes_and_its_weights_load_as_those_of_other_rows():
    torch.manual_seed(0)
    net = RubikNetwork(BottleneckEncoder(3, 1, (4, 8, 8, 16)), num_permutations=2, hidden_features=32)
    image = torch.linspace(0, 1, 16)[:, None, None] ** 2 + torch.linspace(0, 2, 16)[None, :, None] ** 2
    batch = {"image": (image + torch.linspace(0, 3, 16) ** 2).expand(6, 1, 16, 16, 16).clone()}
    prepare, loss = PrepareRubik(RubikCubes(2)), RubikLoss()
    optimizer = torch.optim.Adam(net.parameters(), 0.01)
    losses = []
    for _ in range(25):
        cubes, moves = prepare(batch)
        losses.append(loss(net(cubes), moves))
        optimizer.zero_grad()
        losses[-1].backward()
        optimizer.step()
    assert sum(losses[-5:]) < 0.7 * sum(losses[:5])
    BottleneckEncoder(3, 1, (4, 8, 8, 16)).load_state_dict(net.encoder.state_dict())
