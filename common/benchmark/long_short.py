"""A step of long-short contrastive learning, against a naive one."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import nn

from ..engines import AutocastInferer
from ..errors import InputError
from ..handlers import KeyQueue, MomentumUpdate
from ..losses import LongShortLoss
from ..networks import (
    LongShortNetwork,
    ProjectedEncoder,
    ProjectionHead,
    UNetEncoder,
    VolumeResNet,
    clip_views,
    key_views,
)
from .nt_xent import peak_memory
from .turns import Clock, Spread, take_turns

__all__ = ["clips_table", "measure_clips"]

BACKBONES = {"resnet18": VolumeResNet, "unet": UNetEncoder}
_FEATURES = 128
_MOMENTUM = 0.999
_LIMITS = {"cpu": 1.0, "cuda": 1.2}  # speedup that is expected at least


def measure_clips(
    backbone: str = "resnet18",
    batch_size: int = 4,
    num_slices: int = 16,
    clip_size: tuple[int, int] = (128, 128),
    num_keys: int = 2048,
    amp: bool = False,
    device: str = "cpu",
    rounds: int = 5,
    steps: int = 3,
    turn: int = 1,
    cpu_time: bool = False,
) -> dict[str, Any]:
    """Time and peak memory of training steps, by turns in one run.

    A step is forward passes, loss, backward pass, optimizer, queue and moving the target. All contestants see the same
    clips and start from the same weights:

    - ``naive``: six passes, one for each clip of each network, and a loop over the parameters for the target;
    - ``ours``: the target's clips in one pass, and the target moved by fused operations;
    - ``ours, queries batched``: the online network's clips in one pass, too.

    Args:
        backbone: ``resnet18`` or ``unet``.
        batch_size: of clips of each view.
        num_slices: of a clip.
        clip_size: in plane, in voxels.
        num_keys: length of the queues.
        amp: bfloat16.
        device: where to measure.
        rounds: how often to measure.
        steps: steps of each in a round.
        turn: steps before it is the next one's turn; 1 for a CPU, the whole round for a GPU.
        cpu_time: see :class:`~.turns.Clock`.

    Returns:
        ``settings``, ``rounds`` (seconds per step) and ``summary``, as plain values for JSON.

    Raises:
        InputError: for an unknown backbone.
    """
    if backbone not in BACKBONES:
        raise InputError(f"backbone: {backbone!r}; expected {' or '.join(BACKBONES)}; correct it")
    generator = torch.Generator().manual_seed(0)
    clips = {
        view: torch.rand(batch_size, 1, num_slices, *clip_size, generator=generator).to(device) for view in clip_views()
    }
    build = {
        "naive": (False, False, move_by_loop),
        "ours": (True, False, move_fused),
        "ours, queries batched": (True, True, move_fused),
    }
    contestants = {name: ClipSteps(backbone, clips, num_keys, amp, *how) for name, how in build.items()}
    for contestant in contestants.values():
        contestant(1)  # makes the optimizer's state, and on a GPU chooses kernels
    peaks = {name: peak_memory(lambda do=do: do(1), device) for name, do in contestants.items()}
    seconds = take_turns(contestants, rounds, steps, turn, Clock(device, cpu_time))
    per_step = [
        {name: t / steps for name, t in zip(seconds, row, strict=True)} for row in zip(*seconds.values(), strict=True)
    ]
    settings = {"backbone": backbone, "batch_shape": list(next(iter(clips.values())).shape), "num_keys": num_keys}
    settings |= {"amp": amp, "device": device, "rounds": rounds, "steps": steps, "turn": turn, "cpu_time": cpu_time}
    return {"settings": settings, "rounds": per_step, "summary": _summary(per_step, peaks, torch.device(device).type)}


class ClipSteps:
    """Training steps on one batch of clips.

    Args:
        backbone: name in ``BACKBONES``.
        clips: the batch.
        num_keys: length of the queues.
        amp: bfloat16.
        batched_targets: see :class:`~common.networks.LongShortNetwork`.
        batched_queries: likewise.
        move: moves the target, from target and online network.
    """

    def __init__(
        self,
        backbone: str,
        clips: Mapping[str, torch.Tensor],
        num_keys: int,
        amp: bool,
        batched_targets: bool,
        batched_queries: bool,
        move: Callable[[nn.Module, nn.Module], None],
    ) -> None:
        device = next(iter(clips.values())).device
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(0)
            features = BACKBONES[backbone]()
            encoder = ProjectedEncoder(features, ProjectionHead(features.num_features, 512, _FEATURES))
            predictor = ProjectionHead(_FEATURES, 512, _FEATURES)
            network = LongShortNetwork(encoder, predictor, batched_targets, batched_queries)
        self.network = network.to(device, memory_format=torch.channels_last_3d)
        self.clips = {v: clip.contiguous(memory_format=torch.channels_last_3d) for v, clip in clips.items()}
        self.subjects = torch.arange(len(next(iter(clips.values()))), device=device)
        self.queue = KeyQueue(key_views(), num_keys, _FEATURES).to(device)
        self.loss = LongShortLoss(self.queue)
        self.optimizer = torch.optim.SGD(
            [p for p in self.network.parameters() if p.requires_grad], lr=0.03, momentum=0.9
        )
        self.inferer = AutocastInferer(device, amp)
        self.move = move

    def __call__(self, count: int) -> None:
        """Do so many steps."""
        for _ in range(count):
            self.optimizer.zero_grad()
            output = self.inferer(self.clips, self.network)
            self.loss(output, self.subjects).backward()
            self.optimizer.step()
            self.queue.enqueue(output.queue_keys, self.subjects)
            self.move(self.network.target, self.network.encoder)


def move_fused(target: nn.Module, online: nn.Module) -> None:
    """Our way."""
    MomentumUpdate(online, target).move(_MOMENTUM)


@torch.no_grad()
def move_by_loop(target: nn.Module, online: nn.Module) -> None:
    """The usual way, parameter by parameter (MoCo's ``_momentum_update_key_encoder``), and buffer by buffer."""
    for old, new in zip(target.parameters(), online.parameters(), strict=True):
        old.data = old.data * _MOMENTUM + new.data * (1 - _MOMENTUM)
    for old, new in zip(target.buffers(), online.buffers(), strict=True):
        old.copy_(new)


def clips_table(result: dict[str, Any]) -> str:
    """What :func:`measure_clips` found, in lines."""
    found = result["summary"]
    lines = [", ".join(f"{name} {value}" for name, value in result["settings"].items()), ""]
    for name, entry in found.items():
        times = _spread(entry["seconds_per_step"])
        line = f"{name}: {times} s/step, peak {entry['peak_bytes'] / 1e6:.1f} MB"
        if "speedup" in entry:
            limit = f"at least {entry['limit']:g}: {entry['verdict']}"
            line += f"; {_spread(entry['speedup'])} times as fast ({limit}), {entry['memory_ratio']:.3f} of the memory"
        lines.append(line)
    return "\n".join([*lines, "", "median [min, max] of the rounds; peak beyond what the step finds allocated"])


def _summary(rounds: list[dict[str, float]], peaks: Mapping[str, int], device_type: str) -> dict[str, Any]:
    limit = _LIMITS.get(device_type, 1.0)
    summary: dict[str, Any] = {}
    for name, peak in peaks.items():
        summary[name] = {"seconds_per_step": Spread.of(row[name] for row in rounds)._asdict(), "peak_bytes": peak}
        if name != "naive":
            speedup = Spread.of(row["naive"] / row[name] for row in rounds)
            verdict = "met" if speedup.median >= limit else "within noise" if speedup.max >= limit else "missed"
            summary[name] |= {"speedup": speedup._asdict(), "limit": limit, "verdict": verdict}
            summary[name]["memory_ratio"] = peak / peaks["naive"]
    return summary


def _spread(spread: Mapping[str, float]) -> str:
    return f"{spread['median']:.3f} [{spread['min']:.3f}, {spread['max']:.3f}]"
