"""Phantom cohorts: realistic volumes with known truth, made on the spot and free of any licence."""

from typing import TYPE_CHECKING

from ...lazy import lazy_exports

if TYPE_CHECKING:
    from .brain_cohort import BRATS_CENTRES, make_brain_phantoms
    from .dementia_cohort import make_dementia_phantoms
    from .kidney_cohort import make_kidney_phantoms
    from .lesion_cohort import make_lesion_phantoms
    from .liver_cohort import make_liver_phantoms
    from .lung_cohort import make_lung_phantoms
    from .thyroid_cohort import make_thyroid_phantoms

__all__ = [
    "BRATS_CENTRES",
    "make_brain_phantoms",
    "make_dementia_phantoms",
    "make_kidney_phantoms",
    "make_lesion_phantoms",
    "make_liver_phantoms",
    "make_lung_phantoms",
    "make_thyroid_phantoms",
]

__getattr__ = lazy_exports(__name__)
