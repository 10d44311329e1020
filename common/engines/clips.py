"""From a batch of clips to what network and loss take."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch

from ..errors import InputError
from .prepare_batch import PrepareImage

__all__ = ["PrepareClipPair", "PrepareClips", "PrepareRestoration"]


class _PrepareKeys(PrepareImage):
    """What the three below share: clips and numbers of the batch under any key."""

    def _clip(
        self, batchdata: dict[str, Any], key: str, device: str | torch.device | None, non_blocking: bool
    ) -> torch.Tensor:
        if key not in batchdata:
            raise InputError(
                f"batch: no {key!r} among {', '.join(map(str, batchdata))}; expected it in every row; add it to views "
                "of RandSampleClipsd"
            )
        return self._image({"image": batchdata[key]}, device, non_blocking)

    def _numbers(
        self, batchdata: dict[str, Any], key: str, device: str | torch.device | None, non_blocking: bool
    ) -> torch.Tensor:
        found, problem = batchdata.get(key), None
        if found is None:
            problem = "missing"
        elif not isinstance(found, torch.Tensor) or (found.is_floating_point() and not found.isfinite().all()):
            problem = "no number in some rows"
        elif (found < 0).any():
            problem = "negative in some rows"
        if problem is not None:
            raise InputError(
                f"batch: {key!r} is {problem}; expected a number from 0 in every row of the datalist; add it"
            )
        return found.to(device, non_blocking=non_blocking)


class PrepareClips(_PrepareKeys):
    """Clips by name, each augmented on its own, and the subjects, which :class:`~common.losses.LongShortLoss` takes.

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

    def __call__(
        self,
        batchdata: dict[str, Any],
        device: str | torch.device | None = None,
        non_blocking: bool = False,
        **kwargs: Any,
    ) -> tuple[dict[str, torch.Tensor], torch.Tensor]:
        """``({view: clip}, subjects)``."""
        clips = {view: self._view(self._clip(batchdata, view, device, non_blocking)) for view in self.views}
        return clips, self._numbers(batchdata, "subject_index", device, non_blocking)


class PrepareClipPair(_PrepareKeys):
    """Two random views for the peers: BYOL, MoCo, age-aware contrastive learning.

    Args:
        views: the clip of each; the same name twice gives two random variants of one clip, as the peers' papers do.
        augment: function from a batch ``B[C]HWD`` of floats to its random variant; ``None`` for no augmentation.
        target: number of each row that the loss takes: ``subject_index`` for MoCo, ``age`` for age-aware; ``None`` for
            BYOL, which needs none.
        memory_format: layout of the views in memory.

    Raises:
        InputError: for another number of views than two; in a call, when the batch lacks a clip or the target.
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

    def __call__(
        self,
        batchdata: dict[str, Any],
        device: str | torch.device | None = None,
        non_blocking: bool = False,
        **kwargs: Any,
    ) -> tuple[list[torch.Tensor], torch.Tensor | None]:
        """``([x1, x2], target)``."""
        clips = {view: self._clip(batchdata, view, device, non_blocking) for view in dict.fromkeys(self.views)}
        target = None if self.target is None else self._numbers(batchdata, self.target, device, non_blocking)
        return [self._view(clips[view]) for view in self.views], target


class PrepareRestoration(_PrepareKeys):
    """A distorted clip and its original, for Models Genesis.

    Args:
        distort: function from a batch ``B[C]HWD`` in [0, 1] to its distorted variant, such as
            :class:`~common.transforms.BatchModelsGenesis`.
        key: batch key of the clip or volume.
        augment: augmentation of the original before the distortion; ``None`` for none.
        memory_format: layout of the clips in memory.
    """

    def __init__(
        self,
        distort: Callable[[torch.Tensor], torch.Tensor],
        key: str = "axial",
        augment: Callable[[torch.Tensor], torch.Tensor] | None = None,
        memory_format: torch.memory_format = torch.contiguous_format,
    ) -> None:
        super().__init__(augment, memory_format)
        self.distort = distort
        self.key = key

    def __call__(
        self,
        batchdata: dict[str, Any],
        device: str | torch.device | None = None,
        non_blocking: bool = False,
        **kwargs: Any,
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """``(distorted, original)`` for the network and :class:`torch.nn.MSELoss`."""
        original = self._view(self._clip(batchdata, self.key, device, non_blocking))
        return self.distort(original).contiguous(memory_format=self.memory_format), original
