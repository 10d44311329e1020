"""Phantom cohorts: realistic volumes with known truth, made on the spot and free of any licence."""

from .brain_cohort import BRATS_CENTRES, make_brain_phantoms
from .liver_cohort import make_liver_phantoms
from .lung_cohort import make_lung_phantoms

__all__ = ["BRATS_CENTRES", "make_brain_phantoms", "make_liver_phantoms", "make_lung_phantoms"]
