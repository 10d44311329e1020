"""Extract traditional radiomic features of a cohort (107 by default, PyRadiomics) into one table."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Literal

from common import InputError
from common.command_line import run_commands


def extract_radiomics(
    datalist: str,
    output: str,
    section: Literal["training", "testing"] = "training",
    settings: str | None = None,
    mask_label: int | None = None,
    modality: int | Literal["all"] | None = None,
    cache_dir: str | None = None,
    num_workers: int | None = None,
    scheduler: str | None = None,
) -> None:
    """Measure the lesion of every row; rows that cannot be measured are kept, with the reason in the column status.

    Images and masks are NIfTI, NRRD, PNG, or a folder with a DICOM series and a DICOM segmentation. After an
    interruption, run the same command again: completed lesions are read from the cache.

    Args:
        datalist: JSON with image, mask and subject in each row, or CSV with the columns image and mask.
        output: table to write, .csv or .parquet.
        section: section of the JSON.
        settings: PyRadiomics parameter file (YAML); default: the original image with bin width 25.
        mask_label: label of the mask to measure; default: all labels above 0 together.
        modality: index of the modality to measure, or all; default: the first file of each row, of one channel.
        cache_dir: cache folder, which cohorts may share; default: radiomics_cache beside the table.
        num_workers: number of processes; default: one per core.
        scheduler: address of a Dask scheduler, tcp://host:port, whose workers have the same files; default: this
            machine.
    """
    from common.data import load_datalist
    from common.feature_table import check_pyarrow, write_records
    from common.radiomics import extract_records, read_pairs

    check_pyarrow(output)
    _check_output(Path(output))  # before hours of measuring
    names: dict[str, str] = {}
    if Path(datalist).suffix.lower() == ".csv":
        rows = read_pairs(datalist)
    else:
        rows = load_datalist(datalist, section=section, spatial_dims=[2, 3], check="none")
        names = json.loads(Path(datalist).read_text(encoding="utf-8")).get("modality") or {}
    records = extract_records(
        rows,
        cache_dir=cache_dir or Path(output).parent / "radiomics_cache",
        settings=settings,
        mask_label=mask_label,
        modality=modality,
        modality_names=[names[key] for key in sorted(names, key=int)],
        num_workers=num_workers,
        scheduler=scheduler,
    )
    path = write_records(records, output)
    measured = sum(record["status"] == "ok" for record in records)
    print(f"features of {measured} of {len(records)} subjects: {path}")


def _check_output(path: Path) -> None:
    folder = next(each for each in path.absolute().parents if each.exists())
    if path.is_dir() or not folder.is_dir() or not os.access(folder, os.W_OK):
        found = "a folder" if path.is_dir() else f"{folder} is no folder that can be written to"
        raise InputError(f"{path}: {found}; expected a table to write, .csv or .parquet; set --output")
    if path.suffix.lower() not in (".csv", ".parquet", ".pq"):
        raise InputError(f"{path}: a name that ends in {path.suffix!r}; expected .csv or .parquet; set --output")


if __name__ == "__main__":
    run_commands(extract_radiomics)
