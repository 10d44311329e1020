"""Write the datalist of a cohort on disk: images, masks, labels and subject-wise stratified folds in one JSON."""

from __future__ import annotations

from common.command_line import run_commands
from common.data import cohorts

if __name__ == "__main__":
    run_commands(
        {name.removesuffix("_datalist"): f"common.data.cohorts:{name}" for name in cohorts.__all__},
        help=__doc__,
        show=lambda path: print(f"datalist: {path}"),
    )
