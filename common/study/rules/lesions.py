"""Rules of networks that see the lesion alone: the box round it, its slices, its picture."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np

from .facts import Choice, Facts, fitted, multiple

__all__ = ["common_spacing", "lesion_box", "lesion_picture", "lesion_slices", "slice_picture"]

MARGIN = 1.25  # of the box to the lesion's extent
BOX_VOXELS = {"cpu": 32**3, "gpu": 96**3}  # of an image for the network; the paper's are 96^3
PICTURE_PIXELS = {"cpu": 128 * 128, "gpu": 224 * 224}
SLICES = 10  # of a volume at most ("we uniformly select 10 slice images", Zhao and Yang 2021)


def common_spacing(facts: Facts) -> list[float] | None:
    """Isotropic voxels for cohorts whose voxel sizes differ by more than 10 % or are more than twice as long as wide.

    The edge is that of a cube with the volume of the median voxel, to two digits.
    """
    sample = facts.cohort.sample
    if sample.spacing is None or (sample.spacing_ratio <= 1.1 and max(sample.spacing) <= 2 * min(sample.spacing)):
        return None
    edge = float(f"{math.prod(sample.spacing) ** (1 / 3):.2g}")
    return [edge] * 3


def lesion_box(facts: Facts) -> Iterator[Choice]:
    """Spacing, a box that holds 95 % of the lesions with a margin of a quarter, and the size that the network sees."""
    sample = facts.cohort.sample
    if sample.lesion_extent is None:
        return
    spacing = common_spacing(facts)
    extent: list[float] = list(sample.lesion_extent)
    limit: list[float] = list(sample.largest_shape)
    if spacing and sample.spacing and sample.lesion_extent_mm:
        extent = [size / edge for size, edge in zip(sample.lesion_extent_mm, spacing, strict=True)]
        limit = [size * old / edge for size, old, edge in zip(limit, sample.spacing, spacing, strict=True)]
        apart = f"differ by a factor of {sample.spacing_ratio:.2g}" if sample.spacing_ratio > 1.1 else "are anisotropic"
        yield Choice("spacing", spacing, f"voxel sizes {apart}: cubes of the median voxel's volume")
    box = [min(multiple(MARGIN * size, 8, 16), multiple(most, 8, 16)) for size, most in zip(extent, limit, strict=True)]
    shown = "x".join(f"{size:.0f}" for size in extent)
    yield Choice("box_size", box, f"95 % of the lesions fit into {shown} voxels; a quarter more, in steps of 8")
    allowed = BOX_VOXELS["gpu" if facts.machine.is_gpu else "cpu"]
    size = fitted(box, allowed, 8, 16)
    if size != box:
        yield Choice("image_size", size, f"at most {allowed:,} voxels on {facts.machine.device}")


def lesion_slices(facts: Facts) -> Iterator[Choice]:
    """For volumes, slices of the lesion as channels."""
    sample = facts.cohort.sample
    if sample.spatial_dims == 2 or sample.lesion_median is None:
        return
    number = facts.chosen.get("lesion_slices") or int(np.clip(sample.lesion_median[2], 3, SLICES))
    yield Choice("lesion_slices", number, f"half of the lesions have {sample.lesion_median[2]} slices or more; 3 to 10")
    yield Choice("in_channels", number, "one channel for each slice")


def lesion_picture(facts: Facts) -> Iterator[Choice]:
    """The lesion's picture: the median box, as the paper resizes to "the average size", and a smaller network."""
    sample = facts.cohort.sample
    where = "gpu" if facts.machine.is_gpu else "cpu"
    if facts.setting("lesion_share") is not None or "pretrained_weights" in facts.chosen:  # undistorted, square
        if not facts.machine.is_gpu:
            yield Choice("image_size", [128, 128], "a CPU: two thirds of the overlay's edges")
        return
    if sample.lesion_median is not None:
        size = fitted(sample.lesion_median[:2], PICTURE_PIXELS[where] / (1 if facts.machine.is_gpu else 4), 16, 32)
        yield Choice("image_size", size, "the median box of the lesions, in steps of 16")
    if not facts.machine.is_gpu:
        yield Choice("depth", 18, "a CPU: the smallest ResNet")
        yield Choice("widen_factor", 0.5, "a CPU: half the channels")


def slice_picture(facts: Facts) -> Iterator[Choice]:
    """Size of a slice: the median image, and a smaller network on a CPU."""
    where = "gpu" if facts.machine.is_gpu else "cpu"
    size = fitted(facts.cohort.sample.shape[:2], PICTURE_PIXELS[where], 16, 32)
    yield Choice("image_size", size, "the median slice, in steps of 16")
    if not facts.machine.is_gpu:
        yield Choice("model_name", "efficientnet-b0", "a CPU: the smallest EfficientNet")
