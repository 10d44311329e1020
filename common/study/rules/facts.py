"""What a rule knows, and what it chooses."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ..cohort import Cohort
from ..machine import Machine

__all__ = ["Choice", "Facts", "fitted", "multiple"]


@dataclass(frozen=True)
class Choice:
    """A setting with its reason.

    Args:
        name: id of the configs.
        value: its value.
        why: one short sentence, which ``plan.yaml`` shows beside it.
        stage: "pretrain" or "train" for that stage alone; "" for every stage whose config has the id.
    """

    name: str
    value: Any
    why: str
    stage: str = ""


@dataclass(frozen=True)
class Facts:
    """The cohort, the machine, and the settings so far.

    Args:
        cohort: fingerprint of the cohort.
        machine: machine of the study.
        defaults: ids and values of the configs, by stage ("pretrain", "train").
        num_folds: number of folds, of which one is held out at a time.
        chosen: settings of the user and of earlier rules.
    """

    cohort: Cohort
    machine: Machine
    defaults: Mapping[str, Mapping[str, Any]]
    num_folds: int = 5
    chosen: Mapping[str, Any] = field(default_factory=dict)

    def default(self, name: str, stage: str = "") -> Any:
        """Value of an id in the configs; ``None`` if no config has it."""
        stages = [stage] if stage else list(self.defaults)
        return next((self.defaults[each][name] for each in stages if name in self.defaults.get(each, {})), None)

    def setting(self, name: str, stage: str = "") -> Any:
        """Value of an id as chosen so far, or else its default."""
        return self.chosen.get(name, self.default(name, stage))

    @property
    def training_images(self) -> int:
        """Number of labelled images of a training, with one fold held out."""
        share = self.cohort.labelled / max(self.cohort.subjects, 1)
        return max(1, int(self.cohort.images * share * (self.num_folds - 1) / self.num_folds))

    @property
    def pretraining_images(self) -> int:
        """Number of images of a pre-training, with one fold held out."""
        unlabelled = self.cohort.images * self.cohort.unlabelled / max(self.cohort.subjects, 1)
        return self.training_images + int(unlabelled)

    @property
    def is_ct(self) -> bool:
        """Whether intensities are Hounsfield units: one modality with air, below -500, in most images."""
        sample = self.cohort.sample
        return sample.channels == 1 and sample.intensities[0][0] < -500


def multiple(value: float, factor: int, least: int | None = None) -> int:
    """The smallest multiple of ``factor`` that is at least ``value`` and ``least``."""
    return max(math.ceil(value / factor - 1e-6) * factor, least or factor)


def fitted(size: Sequence[float], limit: float, factor: int, least: int) -> list[int]:
    """A size rounded up to multiples of ``factor``, its aspect kept while it is shrunk to at most ``limit`` voxels."""
    rounded = [multiple(length, factor, least) for length in size]
    scale = 1.0
    while math.prod(rounded) > limit and any(length > least for length in rounded):
        scale *= 0.95
        rounded = [max(round(length * scale / factor) * factor, least) for length in size]
    return rounded
