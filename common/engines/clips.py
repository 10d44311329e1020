"""Batches of clips for network and loss."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch

from ..errors import InputError
from .prepare_batch import DeviceBatch, PrepareImage

__all__ = ["PrepareClipPair", "PrepareClips"]


class PrepareClips(PrepareImage):
    """Clips by name, each augmented separately, and the subjects for :class:`~common.losses.LongShortLoss`.

    Args:
        views: names of the clips to use; :func:`~common.networks.clip_views` returns those that the loss terms need.
        augment: function from a batch ``B[C]HWD`` of floats to its random variant; ``None`` for no augmentation.
        memory_format: layout of the clips in memory.

    Raises:
        InputError: in a call, when the batch lacks a clip or a ``subject_index`` from 0.
    """

    def __init__(
        self,
        views: Sequence[str] = ("axial", "coronal", "sagittal", "short"),
        augment: Callable[[torch.Tensor], torch.Tensor] | None = None,
        memory_format: torch.memory_format = torch.contiguous_format,
    ) -> None:
        super().__init__(augment, memory_format)
        self.views = tuple(views)

    def _prepare(self, batch: DeviceBatch) -> tuple[dict[str, torch.Tensor], torch.Tensor]:
        """``({view: clip}, subjects)``."""
        clips = {view: self._view(batch.image(view)) for view in self.views}
        return clips, _numbers(batch, "subject_index")


class PrepareClipPair(PrepareImage):
    """Two random views for the compared methods: BYOL, MoCo, age-aware contrastive learning.

    Args:
        views: clip of each view; the same name twice gives two random variants of one clip, as in their papers.
        augment: function from a batch ``B[C]HWD`` of floats to its random variant; ``None`` for no augmentation.
        target: row key of the number that the loss takes: ``subject_index`` for MoCo, ``age`` for age-aware; ``None``
            for BYOL, which needs none.
        memory_format: layout of the views in memory.

    Raises:
        InputError: the number of views is not two; in a call, when the batch lacks a clip or the target.
    """

    def __init__(
        self,
        views: Sequence[str] = ("axial", "axial"),
        augment: Callable[[torch.Tensor], torch.Tensor] | None = None,
        target: str | None = None,
        memory_format: torch.memory_format = torch.contiguous_format,
    ) -> None:
        super().__init__(augment, memory_format)
        if len(views) != 2:
            raise InputError(f"PrepareClipPair: views is {list(views)!r}; expected two; name one clip twice or two")
        self.views = tuple(views)
        self.target = target

    def _prepare(self, batch: DeviceBatch) -> tuple[list[torch.Tensor], torch.Tensor | None]:
        """``([x1, x2], target)``."""
        clips = {view: batch.image(view) for view in dict.fromkeys(self.views)}
        target = None if self.target is None else _numbers(batch, self.target)
        return [self._view(clips[view]) for view in self.views], target


def _numbers(batch: DeviceBatch, key: str) -> torch.Tensor:
    """The number of each row, checked to be 0 or above."""
    found, problem = batch.data.get(key), None
    if found is None:
        problem = "missing"
    elif not isinstance(found, torch.Tensor) or (found.is_floating_point() and not found.isfinite().all()):
        problem = "no number in some rows"
    elif (found < 0).any():
        problem = "negative in some rows"
    if problem is not None:
        raise InputError(f"batch: {key!r} is {problem}; expected a number from 0 in every row of the datalist; add it")
    return batch.entry(key)
