"""Take one slice of each volume of a cohort, for what reads slices, such as a bundle's inference.json."""

from __future__ import annotations

import logging

import fire

from common.data import slice_datalist
from common.errors import brief_input_errors


def extract_slices(
    datalist: str,
    output: str,
    axis: int = 2,
    index: int | None = None,
    mask_label: int | None = None,
    apply_mask: bool = False,
    organ_label: int | None = None,
    missing: str = "refuse",
) -> None:
    """Write each row's slice with the largest mask area, or a named one, as a NIfTI for each modality.

    Args:
        datalist: JSON whose rows have image, and mask or slice (an index)
        output: folder to make; its datalist.json lists the slices
        axis: 0 for sagittal, 1 for coronal, 2 for transverse slices
        index: the same slice for all rows, counted from 0 from left, back or foot; default is each row's own
        mask_label: label of the mask whose area counts; default is all above 0 together
        apply_mask: set what lies outside the mask to 0; a bundle that was trained on masked images expects it
        organ_label: label of the mask that apply_mask keeps; default is all above 0 together
        missing: zeros keeps rows that lack a modality, refuse tells them
    """
    path = slice_datalist(
        datalist,
        output,
        axis=axis,
        index=index,
        mask_label=mask_label,
        apply_mask=apply_mask,
        organ_label=organ_label,
        missing=missing,
    )
    print(f"datalist: {path}")


def main() -> None:
    """Run the command line."""
    brief_input_errors()
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    fire.Fire(extract_slices, name="extract_slices.py")


if __name__ == "__main__":
    main()
