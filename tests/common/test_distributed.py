from __future__ import annotations

import pytest
import torch
import torch.distributed as dist
import torch.multiprocessing as mp

from common.distributed import all_reduce


def process(rank: int, folder: str) -> None:
    dist.init_process_group("gloo", init_method=f"file://{folder}/rendezvous", world_size=2, rank=rank)
    try:
        x = torch.tensor([1.0, 2.0, 3.0]) * (rank + 1)
        before = x.clone()
        x.requires_grad_()
        total = all_reduce(x)
        ((rank + 1) * total.square()).sum().backward()
        torch.save({"total": total.detach(), "gradient": x.grad, "kept": torch.equal(x, before)}, f"{folder}/{rank}.pt")
    finally:
        dist.destroy_process_group()


@pytest.mark.slow
def test_each_process_has_the_sum_and_the_gradient_of_all_that_was_made_of_it(tmp_path):
    mp.spawn(process, args=(str(tmp_path),), nprocs=2)
    for rank in range(2):
        part = torch.load(tmp_path / f"{rank}.pt", weights_only=True)
        assert part["kept"] and torch.equal(part["total"], torch.tensor([3.0, 6.0, 9.0]))
        assert torch.equal(part["gradient"], (1 + 2) * 2 * part["total"])
