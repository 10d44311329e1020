"""Rules of memory and precision."""

from __future__ import annotations

import math
from collections.abc import Iterator

from .facts import Choice, Facts

__all__ = ["memory"]

SHARE = 0.5  # of the memory for preprocessed images


def memory(facts: Facts) -> Iterator[Choice]:
    """bfloat16 where the processor has it; for cohorts larger than the memory half precision or the disk."""
    if not facts.machine.is_gpu and facts.machine.bfloat16 and facts.default("amp") is not None:
        yield Choice("amp", True, "the processor computes in bfloat16")
    size = facts.setting("image_size") or facts.cohort.sample.shape
    if not isinstance(size, list | tuple):
        size = facts.setting("box_size") or facts.cohort.sample.shape
    voxels = math.prod(size) * max(facts.cohort.sample.channels, facts.setting("lesion_slices") or 1)
    needed = 4 * voxels * facts.cohort.images / 1e9
    allowed = SHARE * facts.machine.memory_gb
    if needed <= allowed:
        return
    why = f"preprocessed images need {needed:.1f} GB, half of the memory is {allowed:.1f} GB"
    yield Choice("storage_dtype", "$torch.float16", why)
    if needed / 2 > allowed:
        yield Choice("cache", "disk", why)
