from typing import TYPE_CHECKING

from ..lazy import lazy_exports

if TYPE_CHECKING:
    from .bundle_run import BundleRun
    from .cohort_memory import cohort_table, measure_cohort_memory
    from .complexity import complexity_table, count_macs, measure_complexity
    from .efficiency import measure_efficiency
    from .environment import describe_environment
    from .long_short import clips_table, measure_clips
    from .memory import measure_memory, smallest_cohort
    from .memory_bank import measure_memory_bank, memory_bank_table
    from .nt_xent import measure_nt_xent, nt_xent_table, peak_memory
    from .radiomics import make_radiomics_phantoms, measure_radiomics, prepare_cases, radiomics_table
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
    "clips_table",
    "cohort_table",
    "complexity_table",
    "count_macs",
    "describe_environment",
    "efficiency_table",
    "find_configs",
    "hardware_line",
    "make_radiomics_phantoms",
    "measure_clips",
    "measure_cohort_memory",
    "measure_complexity",
    "measure_efficiency",
    "measure_memory",
    "measure_memory_bank",
    "measure_nt_xent",
    "measure_radiomics",
    "measure_rebalance_cost",
    "memory_bank_table",
    "memory_table",
    "nt_xent_table",
    "open_session",
    "peak_memory",
    "prepare_cases",
    "radiomics_table",
    "rebalance_table",
    "smallest_cohort",
    "take_turns",
]

__getattr__ = lazy_exports(__name__)
