"""Make a cohort of phantoms: realistic volumes with known truth, to try everything on without any patient's data."""

from __future__ import annotations

import logging

import fire

from common.data import make_brain_phantoms, make_liver_phantoms, make_lung_phantoms
from common.errors import brief_input_errors


def brain(
    output: str,
    num_subjects: int = 40,
    shape: tuple[int, int, int] = (64, 64, 64),
    spacing: tuple[float, float, float] = (1.0, 1.0, 1.0),
    modalities: tuple[str, ...] = ("FLAIR", "T1", "T1ce", "T2"),
    separation: float = 2.4,
    num_folds: int = 5,
    seed: int = 0,
    num_workers: int | None = None,
) -> None:
    """Brain MR with gliomas of low and high grade, laid out and imbalanced as BraTS is.

    Run again with the same arguments, it goes on where it was interrupted, or does nothing.

    Args:
        output: folder to make; its datalist.json is what the bundles read
        num_subjects: size of the cohort
        shape: voxels left to right, posterior to anterior, inferior to superior, such as 96,96,96
        spacing: voxel size along these axes in mm
        modalities: any of FLAIR,T1,T1ce,T2
        separation: how far apart the grades are; 0 is not at all, 2.4 gives an AUC of about 0.9
        num_folds: folds for cross-validation, by subject and stratified
        seed: the same seed gives the same files
        num_workers: threads; default is one per core
    """
    path = make_brain_phantoms(
        output,
        num_subjects=num_subjects,
        shape=shape,
        spacing=spacing,
        modalities=[modalities] if isinstance(modalities, str) else modalities,
        separation=separation,
        num_folds=num_folds,
        seed=seed,
        num_workers=num_workers,
    )
    print(f"datalist: {path}")


def lung(
    output: str,
    num_subjects: int = 45,
    shape: tuple[int, int, int] = (64, 64, 64),
    spacing: tuple[float, float, float] = (5.0, 5.0, 5.0),
    separation: float = 1.5,
    num_folds: int = 5,
    seed: int = 0,
    num_workers: int | None = None,
) -> None:
    """Chest CT with lung tumours of stage I, II or III (2:1:6), laid out as NSCLC-Radiomics.

    Run again with the same arguments, it goes on where it was interrupted, or does nothing.

    Args:
        output: folder to make; its datalist.json is what the bundles read
        num_subjects: size of the cohort
        shape: voxels left to right, posterior to anterior, inferior to superior, such as 96,96,96
        spacing: voxel size along these axes in mm
        separation: how far apart neighbouring stages are; 0 is not at all
        num_folds: folds for cross-validation, by subject and stratified
        seed: the same seed gives the same files
        num_workers: threads; default is one per core
    """
    path = make_lung_phantoms(
        output,
        num_subjects=num_subjects,
        shape=shape,
        spacing=spacing,
        separation=separation,
        num_folds=num_folds,
        seed=seed,
        num_workers=num_workers,
    )
    print(f"datalist: {path}")


def liver(
    output: str,
    num_subjects: int = 40,
    sizes: tuple[int, int] = (160, 260),
    spatial_dims: int = 2,
    num_slices: int = 16,
    modalities: tuple[str, ...] = ("T1", "T2", "OUT"),
    separation: float = 1.8,
    num_folds: int = 5,
    seed: int = 0,
    num_workers: int | None = None,
) -> None:
    """Liver MR (T1, T2, out of phase) with tumours of stage 1 or 2 (88:50), as slices or volumes.

    Run again with the same arguments, it goes on where it was interrupted, or does nothing.

    Args:
        output: folder to make; its datalist.json is what the bundles read
        num_subjects: size of the cohort
        sizes: least and greatest number of pixels from left to right, such as 160,260
        spatial_dims: 2 for one transverse slice of each subject, 3 for volumes
        num_slices: of a volume, 8 mm apart
        modalities: any of T1,T2,OUT
        separation: how far apart the stages are; 0 is not at all, 1.8 gives an AUC of about 0.9
        num_folds: folds for cross-validation, by subject and stratified
        seed: the same seed gives the same files
        num_workers: threads; default is one per core
    """
    path = make_liver_phantoms(
        output,
        num_subjects=num_subjects,
        sizes=sizes,
        spatial_dims=spatial_dims,
        num_slices=num_slices,
        modalities=[modalities] if isinstance(modalities, str) else modalities,
        separation=separation,
        num_folds=num_folds,
        seed=seed,
        num_workers=num_workers,
    )
    print(f"datalist: {path}")


def main() -> None:
    """Run the command line."""
    brief_input_errors()
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    fire.Fire({"brain": brain, "liver": liver, "lung": lung}, name="make_phantom.py")


if __name__ == "__main__":
    main()
