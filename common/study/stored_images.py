"""The preprocessed images that a study keeps in its cache."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ..bundle_configs import PRETRAIN, overlays_of
from ..evaluation.protocols.configured import SHARED
from ..evaluation.protocols.methods import Encoder, FineTuning
from .rules.memory import stored_voxels
from .stage_table import StageTable, training_config

__all__ = ["stored_bytes"]


def stored_bytes(table: StageTable) -> int:
    """Bytes of the images that the trainings of a comparison keep on the disk, once for all runs of a kind.

    Pre-training and training preprocess in their own ways, and overlays of them count as one.

    Args:
        table: stages of the plan.
    """
    plan, found = table.plan, [row for _, row in table.read()]
    labelled = sum(row.get("label") is not None for row in table.rows)
    stages: list[tuple[str, Mapping[str, Any], int]] = []
    if any(isinstance(row.start, Encoder) for row in found):
        stages.append((PRETRAIN, plan.pretrain, len(table.rows)))
    if any(isinstance(row, FineTuning) for row in found):
        stages.append((training_config(plan.task), plan.train, labelled))
    shape, channels = plan.cohort["shape"], len(plan.cohort["modalities"])
    total = 0
    for config, of_stage, images in stages:
        ids = table.configs.ids(config, *overlays_of(config, plan.overlays))
        ids |= {name: value for name, value in {**SHARED, **plan.settings, **of_stage}.items() if name in ids}
        if ids.get("cache") in ("both", "disk"):
            total += images * _image_bytes(ids, shape, channels)
    return total


def _image_bytes(ids: Mapping[str, Any], shape: Sequence[int], channels: int) -> int:
    import torch

    kind = getattr(torch, str(ids.get("storage_dtype")).rpartition(".")[2], torch.float32)  # "$torch.float16"
    return stored_voxels(ids.get, shape, channels) * kind.itemsize
