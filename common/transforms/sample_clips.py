"""Clips of slices along the three axes of a volume."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from typing import Any

import torch
from monai.config import KeysCollection
from monai.data import MetaTensor
from monai.transforms import MapTransform, RandomizableTrait
from monai.utils import convert_to_tensor

from ..errors import InputError
from .draw import rand_rows

__all__ = ["RandSampleClipsd", "slice_starts"]

# view: axis of a volume in RAS along which its slices follow each other
AXES = {"axial": 2, "coronal": 1, "sagittal": 0, "short": 2}
VIEWS = tuple(AXES)


class RandSampleClipsd(RandomizableTrait, MapTransform):
    """Long clips along the three axes of a volume, and a short axial one (Cao et al. 2022, "Clip Sampling").

    "Sample axial, coronal and sagittal clips from a 3D volumetric medical image with C slices and a stride of delta_L.
    Regard the above axial clip as the long spatial clip and then randomly sample C axial slices with spatial stride
    delta_S (delta_S < delta_L) as the short spatial clip." All starts at which a clip fits are equally likely.

    The volume comes in RAS (``Orientationd``), so that axes are anatomical: slices of "axial" follow each other from
    the feet to the head and have the axes R and A, "coronal" from back to front with R and S, "sagittal" from left to
    right with A and S. Slices are padded with 0 or cut round their centre to ``clip_size``, never resampled, so that
    all clips are of one size.

    Places are drawn from torch's global CPU generator (see :func:`~.draw.rand_rows`), which checkpoints save: without
    loader workers a resumed run draws as the whole one does.

    Args:
        keys: row key of the volume, ``[C]HWD``, which is removed from the row.
        num_slices: number C of slices. **Ours**: 16.
        long_stride: stride delta_L in voxels. **Ours**: 8.
        short_stride: stride delta_S in voxels, less than delta_L. **Ours**: 2.
        clip_size: in-plane size of all clips, in voxels. **Ours**.
        views: names of the clips, which are their keys in the row.
        allow_missing_keys: whether to skip rows without a volume.

    Raises:
        InputError: a view is unknown, a stride or number is below 1, ``short_stride`` is not below ``long_stride``, or
            there is more than one key; in a call, axes are shorter than ``(C - 1) * stride + 1``.

    Shape:
        ``[C]HWD -> [C, num_slices, *clip_size]`` for each view, of the volume's type.

    Example:
        >>> sample = RandSampleClipsd("image", num_slices=4, long_stride=8, short_stride=2, clip_size=(32, 32))
        >>> {view: tuple(clip.shape) for view, clip in sample({"image": torch.rand(1, 32, 40, 30)}).items()}
        {'axial': (1, 4, 32, 32), 'coronal': (1, 4, 32, 32), 'sagittal': (1, 4, 32, 32), 'short': (1, 4, 32, 32)}
    """

    def __init__(
        self,
        keys: KeysCollection = "image",
        num_slices: int = 16,
        long_stride: int = 8,
        short_stride: int = 2,
        clip_size: Sequence[int] = (128, 128),
        views: Sequence[str] = VIEWS,
        allow_missing_keys: bool = False,
    ) -> None:
        super().__init__(keys, allow_missing_keys)
        _check(self.keys, num_slices, long_stride, short_stride, clip_size, views)
        self.num_slices = num_slices
        self.strides = {view: short_stride if view == "short" else long_stride for view in views}
        self.clip_size = tuple(clip_size)

    def __call__(self, data: Mapping[Hashable, Any]) -> dict[Hashable, Any]:
        """The row with clips instead of the volume."""
        row = dict(data)
        for key in self.key_iterator(data):
            volume = row.pop(key)
            lengths = {view: volume.shape[1 + AXES[view]] for view in self.strides}
            starts = slice_starts(self._draw(), lengths, self.strides, self.num_slices, _owner(row, volume))
            plain = convert_to_tensor(volume, track_meta=False)
            row |= {view: self._clip(plain, view, start) for view, start in starts.items()}
        return row

    def check_volume(self, spatial_size: Sequence[int]) -> None:
        """Check that clips fit into volumes of a size, without drawing any.

        Raises:
            InputError: axes are shorter than a clip.
        """
        lengths = {view: spatial_size[AXES[view]] for view in self.strides}
        slice_starts(dict.fromkeys(VIEWS, 0.0), lengths, self.strides, self.num_slices, "image_size")

    def _draw(self) -> dict[str, float]:
        # numbers for every view, sampled or not: an ablation sees the same axial clips as the whole method
        return dict(zip(VIEWS, rand_rows(1, len(VIEWS))[0].tolist(), strict=True))

    def _clip(self, volume: torch.Tensor, view: str, start: int) -> torch.Tensor:
        axis, stride = AXES[view], self.strides[view]
        end = start + (self.num_slices - 1) * stride + 1
        slices = volume.movedim(1 + axis, 1)[:, start:end:stride]
        clip = slices.new_zeros(*slices.shape[:2], *self.clip_size)
        (down, to_down), (across, to_across) = map(_centred, slices.shape[2:], self.clip_size)
        clip[:, :, to_down, to_across] = slices[:, :, down, across]  # a single copy; ResizeWithPadOrCrop is slower
        return clip


def slice_starts(
    uniform: Mapping[str, float],
    lengths: Mapping[str, int],
    strides: Mapping[str, int],
    num_slices: int,
    owner: str = "volume",
) -> dict[str, int]:
    """First slices of clips, with equal probability for all starts at which a clip fits.

    Args:
        uniform: random number in [0, 1) for each view.
        lengths: length of the axis of each view, in voxels.
        strides: stride of each view, in voxels.
        num_slices: number of slices of each clip.
        owner: name of the volume, for error messages.

    Raises:
        InputError: axes that are shorter than a clip; the message names all of them.
    """
    spans = {view: (num_slices - 1) * stride + 1 for view, stride in strides.items()}
    if short := [view for view in spans if lengths[view] < spans[view]]:
        found = "; ".join(
            f"{view}: axis {AXES[view]} ({_AXIS_NAMES[AXES[view]]}) has {lengths[view]} slices, expected at least "
            f"{spans[view]} = ({num_slices} - 1) * {strides[view]} + 1"
            for view in short
        )
        raise InputError(f"{owner}: {found}; lower num_slices or the stride, or resize or pad the volume")
    return {view: int(uniform[view] * (lengths[view] - span + 1)) for view, span in spans.items()}


def _centred(length: int, size: int) -> tuple[slice, slice]:
    """Source and target slices of an axis, as in :class:`monai.transforms.ResizeWithPadOrCrop`."""
    if length >= size:
        start = length // 2 - size // 2
        return slice(start, start + size), slice(0, size)
    start = (size - length) // 2
    return slice(0, length), slice(start, start + length)


def _check(
    keys: Sequence[Hashable],
    num_slices: int,
    long_stride: int,
    short_stride: int,
    clip_size: Sequence[int],
    views: Sequence[str],
) -> None:
    if len(keys) != 1:
        raise InputError(f"RandSampleClipsd: keys is {list(keys)!r}; expected one, that of the volume")
    numbers = {"num_slices": num_slices, "long_stride": long_stride, "short_stride": short_stride}
    for name, value in numbers.items():
        if not isinstance(value, int) or isinstance(value, bool) or value < 1:
            raise InputError(f"RandSampleClipsd: {name} is {value!r}; expected a whole number from 1")
    if short_stride >= long_stride:
        raise InputError(
            f"RandSampleClipsd: short_stride is {short_stride} and long_stride {long_stride}; expected the short one "
            "below the long one; lower it"
        )
    if len(clip_size) != 2 or not all(isinstance(size, int) and size > 0 for size in clip_size):
        raise InputError(f"RandSampleClipsd: clip_size is {clip_size!r}; expected two whole numbers above 0")
    if not views or not set(views) <= set(AXES) or len(set(views)) != len(views):
        raise InputError(f"RandSampleClipsd: views is {list(views)!r}; expected some of {', '.join(AXES)}, each once")


def _owner(row: Mapping[Hashable, Any], volume: torch.Tensor) -> str:
    """Subject of the volume, and its file if the reader stored the name."""
    file = volume.meta.get("filename_or_obj", "") if isinstance(volume, MetaTensor) else ""
    return f"subject {row.get('subject', 'without name')}" + (f" ({file})" if file else "")


_AXIS_NAMES = ("left to right", "back to front", "feet to head")
