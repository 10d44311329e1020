from __future__ import annotations

import pytest
import torch

from common.handlers.joined_batch import exchange_rows, gather_rows, own_rows
from tests.two_processes import run_two_processes

ROWS = torch.arange(12.0).view(6, 2)
CHOSEN = torch.tensor([5, 0, 2, 3])


def process(rank: int, folder: str) -> None:
    rows = own_rows(ROWS)
    results = {"own": rows, "gathered": gather_rows(rows), "exchanged": exchange_rows(rows, CHOSEN)}
    torch.save(results, f"{folder}/{rank}.pt")


@pytest.mark.slow
def test_two_processes_share_the_rows_of_one(tmp_path):
    run_two_processes(process, tmp_path)
    results = [torch.load(tmp_path / f"{rank}.pt", weights_only=True) for rank in range(2)]
    for rank, result in enumerate(results):
        assert torch.equal(result["own"], ROWS[rank::2])
        assert torch.equal(result["gathered"], ROWS)
        assert torch.equal(result["exchanged"], ROWS[CHOSEN][rank::2])


def test_one_process_has_all_rows():
    assert torch.equal(gather_rows(ROWS), ROWS) and torch.equal(own_rows(ROWS), ROWS)
    assert torch.equal(exchange_rows(ROWS, CHOSEN), ROWS[CHOSEN])
