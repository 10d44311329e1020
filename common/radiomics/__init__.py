"""Traditional radiomic features: extraction by PyRadiomics, cache, scaling, tables of cohorts, and simpler numbers.

Worker processes import this package, so only :mod:`.scaling` imports scikit-learn.
"""

from typing import TYPE_CHECKING

from ..lazy import lazy_exports

if TYPE_CHECKING:
    from .attach import attach_radiomics
    from .cohort import extract_records, extract_table
    from .composition import write_composition_table
    from .features import extract_features
    from .modality_differences import write_modality_differences_table
    from .outline import outline_numbers, write_outline_table
    from .pairs import read_pairs
    from .position import write_position_table
    from .schema import feature_names
    from .settings import RadiomicsSettings, available
    from .traditional_table import write_traditional_table

__all__ = [
    "RadiomicsSettings",
    "attach_radiomics",
    "available",
    "extract_features",
    "extract_records",
    "extract_table",
    "feature_names",
    "outline_numbers",
    "read_pairs",
    "write_composition_table",
    "write_modality_differences_table",
    "write_outline_table",
    "write_position_table",
    "write_traditional_table",
]

__getattr__ = lazy_exports(__name__)
