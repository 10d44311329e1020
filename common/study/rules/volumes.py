"""Rules of networks that see whole volumes: their size, clips, patches and channels."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import replace

from .facts import Choice, Facts, fitted
from .lesions import common_spacing

__all__ = ["backbone", "clips", "patch", "structures", "unet", "volume"]

VOLUME_VOXELS = {"cpu": 64**3, "gpu": 128**3}
PATCH_VOXELS = {"cpu": 64**3, "gpu": 128**3}
SLICES = 16  # of a clip


def volume(facts: Facts) -> Iterator[Choice]:
    """Spacing and size of the whole volume: the median image, shrunk to what the device holds."""
    yield from _spacing(facts)
    facts = _after_spacing(facts)
    limit = VOLUME_VOXELS["gpu" if facts.machine.is_gpu else "cpu"]
    size = fitted(_median_shape(facts), limit, 16, 32)
    reason = f"right, anterior, superior: the median image in steps of 16, at most {limit:,} voxels"
    yield Choice("image_size", size, reason)
    if facts.cohort.sample.zero_share < 0.05:
        yield Choice("crop_foreground", False, "images have no black border")


def clips(facts: Facts) -> Iterator[Choice]:
    """Strides: the long clip spans the shortest axis, the short one a quarter of it."""
    size = facts.setting("image_size")
    number = min(SLICES, min(size) // 2)
    long = max(2, (min(size) - 1) // (number - 1))
    if number != SLICES:
        yield Choice("num_slices", number, f"half of the shortest axis, {min(size)} voxels", "pretrain")
    yield Choice(
        "long_stride", long, f"{number} slices span {(number - 1) * long + 1} of {min(size)} voxels", "pretrain"
    )
    yield Choice("short_stride", max(1, long // 4), "a quarter of the long stride", "pretrain")
    yield Choice("clip_size", [max(size[:2]), max(size[1:])], "all of a slice", "pretrain")


def backbone(facts: Facts) -> Iterator[Choice]:
    """Channels of ResNet-18 on a CPU."""
    if not facts.machine.is_gpu:
        yield Choice("channels", [16, 32, 64, 128], "a CPU: a quarter of the channels")


def patch(facts: Facts) -> Iterator[Choice]:
    """Patch of a segmentation: the median volume where it fits, as in nnU-Net, along superior, right, anterior."""
    yield from _spacing(facts)
    facts = _after_spacing(facts)
    right, anterior, superior = _median_shape(facts)
    limit = PATCH_VOXELS["gpu" if facts.machine.is_gpu else "cpu"]
    levels = _levels(facts)
    size = fitted([superior, right, anterior], limit, 2**levels, 2**levels * 2)
    reason = f"superior, right, anterior: the median volume in steps of {2**levels}, at most {limit:,} voxels"
    yield Choice("roi_size", size, reason)
    whole = all(part >= full for part, full in zip(size, (superior, right, anterior), strict=True))
    yield Choice("patches_per_volume", 1 if whole else 4, "a patch is the volume" if whole else "parts of the volume")
    if facts.cohort.sample.zero_share < 0.05:
        yield Choice("crop_foreground", False, "images have no black border")


def unet(facts: Facts) -> Iterator[Choice]:
    """Channels of the U-Net: as many levels as leave four voxels of the shortest axis."""
    channels = [16 * 2**level for level in range(_levels(facts) + 1)]
    why = f"{_levels(facts)} halvings leave 4 voxels or more of the shortest axis"
    yield Choice("channels", channels, why)


def structures(facts: Facts) -> Iterator[Choice]:
    """What is scored: each structure if all images have them all, lesions otherwise. Labels are maps, no classes."""
    yield Choice("label", "ignored", "labels are maps", "pretrain")
    if facts.cohort.sample.complete:
        metrics = {
            "_target_": "common.evaluation.structure_metrics",
            "_mode_": "callable",
            "num_classes": "@num_classes",
        }
        yield Choice("image_metrics", metrics, "every image has every label: Dice of each structure")


def _levels(facts: Facts) -> int:
    shortest = min(_median_shape(facts))
    return max(2, min(4, int(math.log2(max(shortest, 16) / 4))))


def _median_shape(facts: Facts) -> list[float]:
    """Median number of voxels along R, A, S after resampling."""
    sample, spacing = facts.cohort.sample, facts.setting("spacing")
    if not spacing or sample.spacing is None:
        return [float(size) for size in sample.shape]
    return [size * old / new for size, old, new in zip(sample.shape, sample.spacing, spacing, strict=True)]


def _spacing(facts: Facts) -> Iterator[Choice]:
    if spacing := common_spacing(facts):
        why = f"voxel sizes differ by a factor of {facts.cohort.sample.spacing_ratio:.2g}, or are anisotropic"
        yield Choice("spacing", spacing, f"{why}: cubes of the median voxel's volume")


def _after_spacing(facts: Facts) -> Facts:
    """Facts with the spacing that :func:`_spacing` chooses, unless one was set before."""
    spacing = common_spacing(facts)
    return facts if spacing is None else replace(facts, chosen={"spacing": spacing, **facts.chosen})
