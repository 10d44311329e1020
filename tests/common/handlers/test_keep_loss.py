from __future__ import annotations

import torch
from ignite.engine import Engine
from monai.handlers import from_engine

from common.handlers import KeepLoss


def test_the_loss_is_all_that_stays_in_the_form_that_monai_s_loggers_read():
    loss = torch.tensor(0.5, requires_grad=True)
    engine = Engine(lambda engine, batch: {"image": torch.rand(2), "pred": torch.rand(2), "loss": loss * 1})
    KeepLoss().attach(engine)
    engine.run([0])
    assert [row.keys() for row in engine.state.output] == [{"loss"}]
    found = from_engine(["loss"], first=True)(engine.state.output)
    assert found.item() == 0.5 and not found.requires_grad
