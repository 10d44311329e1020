"""Extract one slice of each volume of a cohort, for readers of slices such as a bundle's inference.json."""

from __future__ import annotations

from common.command_line import run_commands
from common.data import slice_datalist

if __name__ == "__main__":
    run_commands(slice_datalist, show=lambda path: print(f"datalist: {path}"))
