"""Make a cohort of phantoms: realistic images with known ground truth, to try everything without patient data."""

from __future__ import annotations

from common.command_line import run_commands

COHORTS = {
    "brain": "BrainPhantoms",
    "liver": "LiverPhantoms",
    "lung": "LungPhantoms",
    "thyroid": "ThyroidPhantoms",
    "kidney": "KidneyPhantoms",
    "dementia": "DementiaPhantoms",
    "lesions": "LesionPhantoms",
}

if __name__ == "__main__":
    run_commands(
        {name: f"common.data:{cohort}" for name, cohort in COHORTS.items()},
        method="make",
        help=__doc__,
        show=lambda path: print(f"datalist: {path}"),
    )
