"""Make a cohort of phantoms: realistic volumes with known truth, to try everything on without any patient's data."""

from __future__ import annotations

from common.command_line import run_commands
from common.data import phantoms

if __name__ == "__main__":
    cohorts = [getattr(phantoms, name) for name in phantoms.__all__]
    run_commands(
        {cohort.generator: cohort for cohort in cohorts},
        method="make",
        help=__doc__,
        show=lambda path: print(f"datalist: {path}"),
    )
