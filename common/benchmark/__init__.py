from typing import TYPE_CHECKING

from ..lazy import lazy_exports

if TYPE_CHECKING:
    from .against import against_table, measure_against
    from .bundle_run import BundleRun
    from .cohort_memory import cohort_table, measure_cohort_memory
    from .comparisons import open_comparison
    from .complexity import complexity_table, count_macs, measure_complexity
    from .efficiency import measure_efficiency
    from .environment import describe_environment
    from .growth import growth_table, measure_growth
    from .memory import measure_memory, smallest_cohort
    from .processes import measure_processes, processes_table
    from .radiomics import make_radiomics_phantoms, measure_radiomics, prepare_cases, radiomics_table
    from .reading import make_images, measure_loading, measure_scan, reading_table
    from .rebalance_cost import measure_rebalance_cost
    from .report import efficiency_table, hardware_line, memory_table, rebalance_table
    from .session import Session, find_configs, open_session
    from .steps import BareSteps, ForwardPasses, TrainerSteps
    from .sweep import measure_sweep, sweep_table
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
    "measure_processes",
    "measure_radiomics",
    "measure_rebalance_cost",
    "measure_scan",
    "measure_sweep",
    "memory_table",
    "open_comparison",
    "open_session",
    "prepare_cases",
    "processes_table",
    "radiomics_table",
    "reading_table",
    "rebalance_table",
    "smallest_cohort",
    "sweep_table",
    "take_turns",
]

__getattr__ = lazy_exports(__name__)
