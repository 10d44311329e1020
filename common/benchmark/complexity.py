"""Cost of modality fusion: cross-modality group convolution, its dense peer and its dense equivalent."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pandas as pd
import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from ..networks import CrossModalityConv, CrossModalityGroupConv
from .turns import Clock, Spread, take_turns

__all__ = ["complexity_table", "count_macs", "measure_complexity"]


def measure_complexity(
    channels: int = 1408,
    size: int = 7,
    num_modalities: int = 3,
    groups: int = 8,
    batch_size: int = 16,
    device: str = "cpu",
    rounds: int = 5,
    steps: int = 5,
) -> dict[str, Any]:
    """Parameters, multiplications and time of CGC, CMC and CGC with one group (Chiang et al. 2023, Table 4).

    All take turns in one process. The forward pass is timed as in inference, forward and backward as in training.

    Args:
        channels: number of channels of each modality's feature map; 1408 for EfficientNet-B2.
        size: height and width of the feature maps.
        num_modalities: number of modalities M.
        groups: number of groups of the convolutions in CGC.
        batch_size: number of patients in a timed batch.
        device: device to measure on.
        rounds: number of measurements.
        steps: number of batches of each network in a round.

    Returns:
        ``settings`` and ``rows``: for each network ``parameters``, ``macs`` of one patient, ``forward`` and
        ``forward+backward`` in seconds per batch, and ``ratios`` of all these to CGC, as plain values for JSON.
    """
    networks: dict[str, nn.Module] = {
        "CGC": CrossModalityGroupConv(channels, num_modalities, groups),
        "CMC": CrossModalityConv(channels, num_modalities),
        "dense": CrossModalityGroupConv(channels, num_modalities, groups=1),
    }
    counts = {name: count_macs(network, (channels, num_modalities, size, size)) for name, network in networks.items()}
    encoded = torch.rand(
        batch_size, num_modalities, channels, size, size, device=device
    )  # the layout of one encoder pass
    x = encoded.transpose(1, 2).requires_grad_()
    contestants = {
        (name, kind): run(network.to(device), x)
        for name, network in networks.items()
        for kind, run in {"forward": _forward, "forward+backward": _forward_backward}.items()
    }
    for do_steps in contestants.values():
        do_steps(2)
    turn = 1 if torch.device(device).type == "cpu" else steps
    seconds = take_turns(contestants, rounds, steps, turn, Clock(device))
    rows: dict[str, dict[str, Any]] = {
        name: {
            "parameters": sum(parameter.numel() for parameter in network.parameters()),
            "macs": counts[name],
            **{kind: Spread.of(t / steps for t in seconds[name, kind])._asdict() for kind in _TIMES},
        }
        for name, network in networks.items()
    }
    for row in rows.values():
        row["ratios"] = {key: _value(row[key]) / _value(rows["CGC"][key]) for key in ("parameters", "macs", *_TIMES)}
    settings = {"channels": channels, "size": size, "modalities": num_modalities, "groups": groups}
    return {"settings": settings | {"batch_size": batch_size, "rounds": rounds, "steps": steps}, "rows": rows}


def count_macs(network: nn.Module, *shapes: tuple[int, ...]) -> int:
    """Multiplications of one forward pass of one sample, counted by torch without computing it.

    Args:
        network: network, on any device.
        shapes: shape of each input without the batch.
    """
    was_training, meta = network.training, torch.device("meta")
    state = {name: tensor.to(meta) for name, tensor in network.eval().state_dict().items()}
    with FlopCounterMode(display=False) as counter:
        inputs = tuple(torch.empty(1, *shape, device=meta) for shape in shapes)
        torch.func.functional_call(network, state, inputs)
    network.train(was_training)
    return counter.get_total_flops() // 2  # the counter includes additions


def complexity_table(result: dict[str, Any]) -> str:
    """One line per network of :func:`measure_complexity`."""
    rows = []
    for name, found in result["rows"].items():
        ratios = found["ratios"]
        row = {"network": name, "params, M": f"{found['parameters'] / 1e6:.3f} (x{ratios['parameters']:.2f})"}
        row["MMAC"] = f"{found['macs'] / 1e6:.1f} (x{ratios['macs']:.2f})"
        for kind in _TIMES:
            row[f"{kind}, ms"] = f"{found[kind]['median'] * 1e3:.1f} (x{ratios[kind]:.2f})"
        rows.append(row)
    settings = ", ".join(f"{name} {value}" for name, value in result["settings"].items())
    note = "MMAC of one patient; time of a batch, median of the rounds; (x...) is the ratio to CGC"
    return "\n".join([settings, "", pd.DataFrame(rows).to_string(index=False), "", note])


_TIMES = ("forward", "forward+backward")


def _forward(network: nn.Module, x: torch.Tensor) -> Callable[[int], None]:
    @torch.inference_mode()
    def do_steps(count: int) -> None:
        """Forward passes."""
        network.eval()
        for _ in range(count):
            network(x)

    return do_steps


def _forward_backward(network: nn.Module, x: torch.Tensor) -> Callable[[int], None]:
    def do_steps(count: int) -> None:
        """Forward and backward passes."""
        network.train()
        for _ in range(count):
            torch.autograd.grad(network(x).sum(), [x, *network.parameters()])

    return do_steps


def _value(measured: int | dict[str, float]) -> float:
    return measured["median"] if isinstance(measured, dict) else measured
