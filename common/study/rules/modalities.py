"""Rule of the mean and standard deviation of each modality."""

from __future__ import annotations

from collections.abc import Iterator

from .facts import Choice, Facts

__all__ = ["modalities"]


def modalities(facts: Facts) -> Iterator[Choice]:
    """Names, mean and deviation of the modalities, zeros for missing ones, and whether masks are organs or lesions."""
    sample, names = facts.cohort.sample, list(facts.cohort.modalities)
    if facts.cohort.missing:
        yield Choice("missing", "zeros", f"{sum(facts.cohort.missing.values())} images lack a modality")
    if facts.default("mean") is None:
        return
    yield Choice("modalities", names, "those of the datalist")
    means, deviations = zip(*sample.scaled, strict=True)
    yield Choice("mean", list(means), "of images scaled to [0, 1]")
    yield Choice("std", list(deviations), "of images scaled to [0, 1]")
    if sample.lesion_extent is not None and sample.lesion_median is not None:
        share = [lesion / full for lesion, full in zip(sample.lesion_median, sample.shape, strict=True)]
        if max(share[:2]) < 0.5:
            yield Choice("apply_mask", False, "masks are smaller than half of the image: lesions, not organs")
