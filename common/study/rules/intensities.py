"""Rules of intensities: what is comparable between patients keeps its scale."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from .facts import Choice, Facts

__all__ = ["differences", "intensities"]

LARGEST_SCORE = 20.0  # z-scores hardly exceed it


def intensities(facts: Facts) -> Iterator[Choice]:
    """A window for CT and for 8-bit volumes; other images keep the config's scaling of each image on its own.

    CT: the 0.5 % and 99.5 % of the voxels in the lesions' masks, as nnU-Net clips (Isensee et al. 2021, "intensity
    normalization"); -1000 to 400 HU without masks. Volumes of 8 bits have been scaled together already: each one's own
    minimum and maximum would take away how bright a lesion is.
    """
    sample, default = facts.cohort.sample, facts.default("scale_intensity")
    if default is None:
        return
    if facts.is_ct:
        found = sample.lesion_intensities[0] if sample.lesion_intensities else (-1000.0, 0.0, 400.0)
        low, high = (round(value / 10) * 10.0 for value in (found[0], found[-1]))
        where = "in the masks" if sample.lesion_intensities else "from air to bone"
        yield _window(facts, low, high, f"CT: {low:g} to {high:g} HU, 0.5 % to 99.5 % of the voxels {where}")
    elif sample.spatial_dims == 3 and list(sample.stored) == ["uint8"] and "Percentiles" not in str(default):
        yield _window(facts, 0.0, 255.0, "volumes of 8 bits are on one scale already, which is kept")


def differences(facts: Facts) -> Iterator[Choice]:
    """Modality differences are of z-scores where MR has a scanner's own units; volumes stored in 8 bits have none."""
    sample = facts.cohort.sample
    largest = np.nanmax(np.abs(sample.intensities))  # a modality that all lack has none
    if sample.channels > 1 and not facts.is_ct and list(sample.stored) != ["uint8"] and largest > LARGEST_SCORE:
        yield Choice("standardize", True, "intensities in a scanner's units: modality differences of z-scores")


def _window(facts: Facts, low: float, high: float, why: str) -> Choice:
    default = facts.default("scale_intensity")
    target = {key: default.get(name, default.get(key)) for name, key in (("minv", "b_min"), ("maxv", "b_max"))}
    window = {"_target_": "ScaleIntensityRanged", "keys": "image", "a_min": low, "a_max": high, **target, "clip": True}
    return Choice("scale_intensity", window, why)
