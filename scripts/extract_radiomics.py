"""Extract traditional radiomic features of a cohort (107 by default, PyRadiomics) into one table."""

from __future__ import annotations

import json
import logging
from pathlib import Path

import fire

from common.data import load_datalist
from common.errors import brief_input_errors
from common.feature_table import check_pyarrow, write_table
from common.radiomics import extract_table, read_pairs


def extract_radiomics(
    datalist: str,
    output: str,
    section: str = "training",
    settings: str | None = None,
    mask_label: int | None = None,
    modality: int | str = 0,
    cache_dir: str | None = None,
    num_workers: int | None = None,
    scheduler: str | None = None,
) -> None:
    """Measure the lesion of every row; rows that cannot be measured stay, with the reason in column status.

    Images and masks are NIfTI, NRRD, PNG, or a folder with a DICOM series and a DICOM segmentation. Run it again after
    an interruption: what was measured is taken from the cache.

    Args:
        datalist: JSON whose rows have image, mask and subject; or a CSV with the columns image and mask
        output: the table to write, .csv or .parquet
        section: of the JSON, training or testing
        settings: PyRadiomics parameter file (YAML); default is the original image with bin width 25
        mask_label: label to measure; default is all above 0 together
        modality: index of the modality to measure, or all
        cache_dir: folder of results by content, which cohorts may share; default is radiomics_cache beside the table
        num_workers: processes; default is one per core
        scheduler: address of a Dask scheduler, tcp://host:port, whose workers see the same files; default is this
            machine
    """
    check_pyarrow(output)
    if Path(datalist).suffix.lower() == ".csv":
        rows, names = read_pairs(datalist), {}
    else:
        rows = load_datalist(datalist, section=section, spatial_dims=[2, 3], check="none")
        names = json.loads(Path(datalist).read_text(encoding="utf-8")).get("modality") or {}
    table = extract_table(
        rows,
        cache_dir=cache_dir or Path(output).parent / "radiomics_cache",
        settings=settings,
        mask_label=mask_label,
        modality=modality,
        modality_names=[names[key] for key in sorted(names, key=int)],
        num_workers=num_workers,
        scheduler=scheduler,
    )
    path = write_table(table, output)
    measured = int((table["status"] == "ok").sum())
    print(f"features of {measured} of {len(table)} subjects: {path}")


def main() -> None:
    """Run the command line."""
    brief_input_errors()
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    fire.Fire(extract_radiomics, name="extract_radiomics.py")


if __name__ == "__main__":
    main()
