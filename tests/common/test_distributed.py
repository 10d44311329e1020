from __future__ import annotations

import pytest
import torch

from common.distributed import all_reduce, exchange_rows, gather_rows, own_rows
from tests.two_processes import run_two_processes

ROWS = torch.arange(12.0).view(6, 2)
CHOSEN = torch.tensor([5, 0, 2, 3])


def process(rank: int, folder: str) -> None:
    x = torch.tensor([1.0, 2.0, 3.0]) * (rank + 1)
    before = x.clone()
    x.requires_grad_()
    total = all_reduce(x)
    ((rank + 1) * total.square()).sum().backward()
    torch.save({"total": total.detach(), "gradient": x.grad, "kept": torch.equal(x, before)}, f"{folder}/{rank}.pt")


@pytest.mark.slow
def test_each_process_has_the_sum_and_the_gradient_of_all_that_was_made_of_it(tmp_path):
    run_two_processes(process, tmp_path)
    for rank in range(2):
        part = torch.load(tmp_path / f"{rank}.pt", weights_only=True)
        assert part["kept"] and torch.equal(part["total"], torch.tensor([3.0, 6.0, 9.0]))
        assert torch.equal(part["gradient"], (1 + 2) * 2 * part["total"])


def share(rank: int, folder: str) -> None:
    rows = own_rows(ROWS)
    results = {"own": rows, "gathered": gather_rows(rows), "exchanged": exchange_rows(rows, CHOSEN)}
    torch.save(results, f"{folder}/{rank}.pt")


@pytest.mark.slow
def test_two_processes_share_the_rows_of_one(tmp_path):
    run_two_processes(share, tmp_path)
    results = [torch.load(tmp_path / f"{rank}.pt", weights_only=True) for rank in range(2)]
    for rank, result in enumerate(results):
        assert torch.equal(result["own"], ROWS[rank::2])
        assert torch.equal(result["gathered"], ROWS)
        assert torch.equal(result["exchanged"], ROWS[CHOSEN][rank::2])


def test_one_process_has_all_rows():
    assert torch.equal(gather_rows(ROWS), ROWS) and torch.equal(own_rows(ROWS), ROWS)
    assert torch.equal(exchange_rows(ROWS, CHOSEN), ROWS[CHOSEN])
