"""Rules of batch sizes and epochs."""

from __future__ import annotations

from collections.abc import Iterator

from .facts import Choice, Facts

__all__ = ["batches"]

PRETRAINING_STEPS, TRAINING_STEPS = 4, 6  # in an epoch, at least
VALIDATION_IMAGES = 25  # that choose an epoch, at least


def batches(facts: Facts) -> Iterator[Choice]:
    """Batches that leave some steps in an epoch, and a validation only where it can choose an epoch."""
    images = facts.pretraining_images
    if default := facts.default("batch_size", "pretrain"):
        size = max(4, min(default, images // PRETRAINING_STEPS // 2 * 2))
        yield Choice("batch_size", size, f"{PRETRAINING_STEPS} steps or more of {images} images", "pretrain")
    images = facts.training_images
    if default := facts.default("batch_size", "train"):
        size = max(2, min(default, images // TRAINING_STEPS))
        yield Choice("batch_size", size, f"{TRAINING_STEPS} steps or more of {images} images", "train")
    share = facts.default("validation_fraction", "train")
    smallest = min(facts.cohort.classes.values(), default=0)
    if (share and share * images < VALIDATION_IMAGES * max(1, facts.cohort.num_classes - 1)) or smallest < 10:
        why = f"too few of {images} images would choose the epoch: the last one is kept"
        yield Choice("validation_fraction", 0.0, why, "train")
