from typing import TYPE_CHECKING

from ..lazy import lazy_exports

if TYPE_CHECKING:
    from .against import against_table, measure_against
    from .bundle_run import BundleRun
    from .cohort_memory import cohort_table, measure_cohort_memory
    from .complexity import complexity_table, count_macs, measure_complexity
    from .efficiency import measure_efficiency
    from .environment import describe_environment
    from .growth import growth_table, measure_growth
    from .memory import measure_memory, smallest_cohort
    from .radiomics import make_radiomics_phantoms, measure_radiomics, prepare_cases, radiomics_table
    from .reading import make_images, measure_loading, measure_scan, reading_table
    from .rebalance_cost import measure_rebalance_cost
    from .report import efficiency_table, hardware_line, memory_table, rebalance_table
    from .session import Session, find_configs, open_session
    from .steps import BareSteps, ForwardPasses, TrainerSteps
    from .turns import Clock, Spread, take_turns

__all__ = [
    "BareSteps",
    "BundleRun",
    "Clock",
    "ForwardPasses",
    "Session",
    "Spread",
    "TrainerSteps",
    "against_table",
    "cohort_table",
    "complexity_table",
    "count_macs",
    "describe_environment",
    "efficiency_table",
    "find_configs",
    "growth_table",
    "hardware_line",
    "make_images",
    "make_radiomics_phantoms",
    "measure_against",
    "measure_cohort_memory",
    "measure_complexity",
    "measure_efficiency",
    "measure_growth",
    "measure_loading",
    "measure_memory",
    "measure_radiomics",
    "measure_rebalance_cost",
    "measure_scan",
    "memory_table",
    "open_session",
    "prepare_cases",
    "radiomics_table",
    "reading_table",
    "rebalance_table",
    "smallest_cohort",
    "take_turns",
]

__getattr__ = lazy_exports(__name__)
