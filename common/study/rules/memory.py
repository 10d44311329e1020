"""Rules of memory and precision."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from .facts import Choice, Facts

__all__ = ["memory", "stored_voxels"]

SHARE = 0.5  # of the memory for preprocessed images


def memory(facts: Facts) -> Iterator[Choice]:
    """bfloat16 where the processor has it; for cohorts larger than the memory half precision or the disk."""
    if not facts.machine.is_gpu and facts.machine.bfloat16 and facts.default("amp") is not None:
        yield Choice("amp", True, "the processor computes in bfloat16")
    voxels = stored_voxels(facts.setting, facts.cohort.sample.shape, facts.cohort.sample.channels)
    needed = 4 * voxels * facts.cohort.images / 1e9
    allowed = SHARE * facts.machine.memory_gb
    if needed <= allowed:
        return
    why = f"preprocessed images need {needed:.1f} GB, half of the memory is {allowed:.1f} GB"
    yield Choice("storage_dtype", "$torch.float16", why)
    if needed / 2 > allowed:
        yield Choice("cache", "disk", why)


def stored_voxels(setting: Callable[[str], Any], shape: Sequence[int], channels: int) -> int:
    """Voxels of a preprocessed image, all channels together.

    Args:
        setting: value of an id by its name, ``None`` where there is none.
        shape: median shape of the images, for configs that keep it.
        channels: number of channels of an image.
    """
    size = setting("image_size") or shape
    if not isinstance(size, list | tuple):
        size = setting("box_size") or shape
    return math.prod(size) * max(channels, setting("lesion_slices") or 1)
