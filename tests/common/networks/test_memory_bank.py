from __future__ import annotations

import pytest
import torch
from torch.nn.functional import normalize

from common.errors import InputError
from common.handlers import MemoryBank
from common.networks import HybridOutput


def output(count: int, seed: int = 0) -> HybridOutput:
    generator = torch.Generator().manual_seed(seed)
    return HybridOutput(*(normalize(torch.randn(count, 3, generator=generator)) for _ in range(2)))


def test_the_first_vectors_are_taken_as_they_are():
    bank, first = MemoryBank(5, 3), output(2)
    bank.update(torch.tensor([4, 1]), first)
    torch.testing.assert_close(bank.image[[4, 1]], first.image)
    torch.testing.assert_close(bank.radiomics[[4, 1]], first.radiomics)
    assert bank.filled.tolist() == [False, True, False, False, True] and not bank.image[[0, 2, 3]].any()


@pytest.mark.parametrize("momentum", [0.0, 0.5, 0.9])
def test_further_ones_move_the_row_and_it_is_brought_back_to_length_one(momentum):
    bank, first, second = MemoryBank(5, 3, momentum), output(5), output(2, seed=1)
    bank.update(torch.arange(5), first)
    bank.update(torch.tensor([3, 0]), second)
    for row, sample in ((0, 3), (1, 0)):
        for stored, old, new in zip((bank.image, bank.radiomics), first, second, strict=True):
            mixed = momentum * old[sample] + (1 - momentum) * new[row]
            torch.testing.assert_close(stored[sample], mixed / mixed.square().sum().sqrt())
    torch.testing.assert_close(bank.image[[1, 2, 4]], first.image[[1, 2, 4]])


def test_everything_is_in_its_state_and_comes_back_bit_for_bit():
    bank, again = MemoryBank(5, 3), MemoryBank(5, 3)
    bank.update(torch.tensor([4, 1]), output(2))
    bank.log_normalizers.fill_(2.5)
    again.load_state_dict(bank.state_dict())
    assert set(bank.state_dict()) == {"image", "radiomics", "filled", "log_normalizers"}
    assert all(torch.equal(value, again.state_dict()[name]) for name, value in bank.state_dict().items())


def test_vectors_with_gradient_and_in_low_precision_leave_plain_rows():
    bank = MemoryBank(5, 3)
    bank.update(torch.tensor([0, 1]), HybridOutput(*(view.bfloat16().requires_grad_() for view in output(2))))
    assert bank.image.dtype == torch.float32 and not bank.image.requires_grad


@pytest.mark.parametrize("momentum", [-0.1, 1.0])
def test_a_momentum_that_moves_nothing_is_one_line(momentum):
    with pytest.raises(InputError, match=r"momentum: .*expected a number from 0 to below 1"):
        MemoryBank(5, 3, momentum)
