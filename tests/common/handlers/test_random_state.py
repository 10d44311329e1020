from __future__ import annotations

import random

import numpy as np
import torch

from common.handlers import RandomState


def draw() -> tuple:
    return (
        random.random(),
        random.gauss(0, 1),
        float(np.random.rand()),
        float(np.random.randn()),
        torch.rand(1).item(),
    )


def test_all_generators_repeat_after_a_checkpoint(tmp_path):
    draw()
    torch.save(RandomState().state_dict(), tmp_path / "state.pt")
    expected = draw()
    draw()
    RandomState().load_state_dict(torch.load(tmp_path / "state.pt", weights_only=True))
    assert draw() == expected


def test_another_number_of_processes_is_reported(caplog):
    state = RandomState().state_dict()
    RandomState().load_state_dict({"processes": state["processes"] * 2})
    assert "not bit for bit" in caplog.text
