"""Make a cohort of phantoms: realistic images with known ground truth, to try everything without patient data."""

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
