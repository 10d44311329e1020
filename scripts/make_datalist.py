"""Write the datalist of a cohort on disk: images, masks, labels and subject-wise stratified folds in one JSON."""

from __future__ import annotations

from common.command_line import run_commands

COHORTS = ("lgg", "brats", "nsclc", "table", "dicom", "tn_scui", "kits", "busi", "bids", "adni", "oasis", "isbi", "npz")

if __name__ == "__main__":
    run_commands(
        {name: f"common.data:{name}_datalist" for name in COHORTS},
        help=__doc__,
        show=lambda path: print(f"datalist: {path}"),
    )
