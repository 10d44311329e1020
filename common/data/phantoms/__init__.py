"""Phantom cohorts: realistic images with known ground truth, generated and free of any licence."""

from typing import TYPE_CHECKING

from ...lazy import lazy_exports

if TYPE_CHECKING:
    from .brain_cohort import BrainPhantoms
    from .dementia_cohort import DementiaPhantoms
    from .kidney_cohort import KidneyPhantoms
    from .lesion_cohort import LesionPhantoms
    from .liver_cohort import LiverPhantoms
    from .lung_cohort import LungPhantoms
    from .thyroid_cohort import ThyroidPhantoms

__all__ = [
    "BrainPhantoms",
    "DementiaPhantoms",
    "KidneyPhantoms",
    "LesionPhantoms",
    "LiverPhantoms",
    "LungPhantoms",
    "ThyroidPhantoms",
]

__getattr__ = lazy_exports(__name__)
