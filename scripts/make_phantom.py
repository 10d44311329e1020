"""Make a cohort of phantoms: realistic volumes with known truth, to try everything on without any patient's data."""

from __future__ import annotations

import logging

import fire

from common.data import (
    make_brain_phantoms,
    make_dementia_phantoms,
    make_kidney_phantoms,
    make_lesion_phantoms,
    make_liver_phantoms,
    make_lung_phantoms,
    make_thyroid_phantoms,
)
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


def thyroid(
    output: str,
    num_subjects: int = 60,
    sizes: tuple[int, int] = (200, 320),
    separation: float = 3.0,
    num_folds: int = 5,
    seed: int = 0,
    num_workers: int | None = None,
) -> None:
    """Ultrasound of benign and malignant thyroid nodules with masks, laid out as TN-SCUI2020.

    Run again with the same arguments, it goes on where it was interrupted, or does nothing.

    Args:
        output: folder to make; its datalist.json is what the bundles read
        num_subjects: size of the cohort, one image each
        sizes: least and greatest number of pixels from left to right, such as 200,320
        separation: how far apart the classes are; 0 is not at all, 3 gives radiomics an AUC of about 0.9
        num_folds: folds for cross-validation, by subject and stratified
        seed: the same seed gives the same files
        num_workers: threads; default is one per core
    """
    path = make_thyroid_phantoms(
        output,
        num_subjects=num_subjects,
        sizes=sizes,
        separation=separation,
        num_folds=num_folds,
        seed=seed,
        num_workers=num_workers,
    )
    print(f"datalist: {path}")


def kidney(
    output: str,
    num_subjects: int = 50,
    sizes: tuple[int, int] = (96, 128),
    thickness: tuple[float, float] = (3.0, 8.0),
    clear_cell: int | None = 8,
    separation: float = 2.5,
    num_folds: int = 5,
    seed: int = 0,
    num_workers: int | None = None,
) -> None:
    """Abdominal CT with kidney tumours of four subtypes and others, laid out and imbalanced as KiTS19.

    Two datalists are written: datalist.json with labels, and datalist_pretraining.json with the cases that are left.
    Run again with the same arguments, it goes on where it was interrupted, or does nothing.

    Args:
        output: folder to make; its datalists are what the bundles read
        num_subjects: size of the cohort
        sizes: least and greatest number of pixels from left to right, such as 96,128
        thickness: least and greatest distance of slices in mm, such as 3,8
        clear_cell: cases of clear cell carcinoma to keep for classification; None for all
        separation: how far apart the subtypes are; 0 is not at all
        num_folds: folds for cross-validation, by subject and stratified
        seed: the same seed gives the same files
        num_workers: threads; default is one per core
    """
    path = make_kidney_phantoms(
        output,
        num_subjects=num_subjects,
        sizes=sizes,
        thickness=thickness,
        clear_cell=clear_cell,
        separation=separation,
        num_folds=num_folds,
        seed=seed,
        num_workers=num_workers,
    )
    print(f"datalist: {path}")


def dementia(
    output: str,
    num_subjects: int = 40,
    visits: int = 3,
    shape: tuple[int, int, int] = (64, 64, 64),
    spacing: tuple[float, float, float] = (1.0, 1.0, 1.0),
    separation: float = 2.0,
    num_folds: int = 5,
    seed: int = 0,
    num_workers: int | None = None,
) -> None:
    """T1 brain MR of healthy people and people with dementia, at several visits, laid out as BIDS.

    Run again with the same arguments, it goes on where it was interrupted, or does nothing.

    Args:
        output: folder to make; its datalist.json is what the bundles read
        num_subjects: people, not visits
        visits: of a person at most
        shape: voxels left to right, posterior to anterior, inferior to superior, such as 96,96,96
        spacing: voxel size along these axes in mm
        separation: how far apart the diagnoses are; 0 is not at all but by age
        num_folds: folds for cross-validation, by subject and stratified
        seed: the same seed gives the same files
        num_workers: threads; default is one per core
    """
    path = make_dementia_phantoms(
        output,
        num_subjects=num_subjects,
        visits=visits,
        shape=shape,
        spacing=spacing,
        separation=separation,
        num_folds=num_folds,
        seed=seed,
        num_workers=num_workers,
    )
    print(f"datalist: {path}")


def lesions(
    output: str,
    num_subjects: int = 20,
    shape: tuple[int, int, int] = (64, 64, 64),
    spacing: tuple[float, float, float] = (1.0, 1.0, 1.0),
    modalities: tuple[str, ...] = ("T1", "T2", "FLAIR"),
    mean_lesions: float = 20.0,
    num_folds: int = 5,
    seed: int = 0,
    num_workers: int | None = None,
) -> None:
    """Brain MR with the lesions of multiple sclerosis, and their masks as labels, for segmentation.

    Run again with the same arguments, it goes on where it was interrupted, or does nothing.

    Args:
        output: folder to make; its datalist.json is what the bundles read
        num_subjects: size of the cohort
        shape: voxels left to right, posterior to anterior, inferior to superior, such as 96,96,96
        spacing: voxel size along these axes in mm
        modalities: any of T1,T2,FLAIR
        mean_lesions: of a subject, on average
        num_folds: folds for cross-validation, by subject
        seed: the same seed gives the same files
        num_workers: threads; default is one per core
    """
    path = make_lesion_phantoms(
        output,
        num_subjects=num_subjects,
        shape=shape,
        spacing=spacing,
        modalities=[modalities] if isinstance(modalities, str) else modalities,
        mean_lesions=mean_lesions,
        num_folds=num_folds,
        seed=seed,
        num_workers=num_workers,
    )
    print(f"datalist: {path}")


def main() -> None:
    """Run the command line."""
    brief_input_errors()
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    fire.Fire(
        {
            "brain": brain,
            "liver": liver,
            "lung": lung,
            "thyroid": thyroid,
            "kidney": kidney,
            "dementia": dementia,
            "lesions": lesions,
        },
        name="make_phantom.py",
    )


if __name__ == "__main__":
    main()
