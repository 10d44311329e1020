"""Write the datalist of a cohort on disk: images, masks, labels and subject-wise stratified folds in one JSON."""

from __future__ import annotations

import logging

import fire

from common.data import brats_datalist, dicom_datalist, lgg_datalist, nsclc_datalist, table_datalist
from common.errors import brief_input_errors


def lgg(root: str, output: str, incomplete: str = "report", num_folds: int = 5, seed: int = 0) -> None:
    """TCGA-LGG (Buda et al. 2019): WHO grade 2 against 3 from FLAIR, T1 before and after contrast agent.

    Args:
        root: folder with labels.csv and <patient>/{flair,t1pre,t1post,seg}.nii.gz
        output: the JSON to write
        incomplete: report stops at patients without grade or with missing sequences; drop leaves them out
        num_folds: folds for cross-validation, by subject and stratified
        seed: seed of the folds
    """
    print(f"datalist: {lgg_datalist(root, output, incomplete=incomplete, num_folds=num_folds, seed=seed)}")


def brats(root: str, output: str, incomplete: str = "report", num_folds: int = 5, seed: int = 0) -> None:
    """BraTS 2017 to 2020 training set: low against high grade from FLAIR, T1, T1ce and T2.

    Args:
        root: folder with HGG and LGG, or with name_mapping.csv (2020), as unpacked
        output: the JSON to write
        incomplete: report stops at patients without grade or with missing files; drop leaves them out
        num_folds: folds for cross-validation, by subject and stratified
        seed: seed of the folds
    """
    print(f"datalist: {brats_datalist(root, output, incomplete=incomplete, num_folds=num_folds, seed=seed)}")


def nsclc(
    root: str,
    output: str,
    incomplete: str = "report",
    clinical: str | None = None,
    image: str = "image.nii.gz",
    mask: str = "lung_mask.nii.gz",
    num_folds: int = 5,
    seed: int = 0,
) -> None:
    """NSCLC-Radiomics converted to NIfTI: stage I, II or III from CT with lung masks.

    Args:
        root: folder with the clinical table and <PatientID>/{image,lung_mask}.nii.gz
        output: the JSON to write
        incomplete: report stops at patients without stage or with missing files; drop leaves them out
        clinical: the clinical table; default is its name in the collection, in root
        image: file name of the CT in a patient's folder
        mask: file name of the lung mask in a patient's folder
        num_folds: folds for cross-validation, by subject and stratified
        seed: seed of the folds
    """
    path = nsclc_datalist(
        root,
        output,
        incomplete=incomplete,
        clinical=clinical,
        image=image,
        mask=mask,
        num_folds=num_folds,
        seed=seed,
    )
    print(f"datalist: {path}")


def table(
    table: str,
    output: str,
    images: str | tuple[str, ...] = "image",
    labels: str | tuple[str, ...] = (),
    incomplete: str = "report",
    num_folds: int = 5,
    seed: int = 0,
    missing: str = "refuse",
) -> None:
    """Any cohort: a CSV with the columns subject, image, and if there are any mask, label, fold, slice and others.

    Args:
        table: the CSV; its paths are absolute or relative to its folder
        output: the JSON to write
        images: columns with the paths of the modalities, such as flair,t1,t2
        labels: class names in the order of their index, such as benign,malignant; default is as the column has them
        incomplete: report stops at rows with missing files or unknown label; drop leaves them out
        num_folds: folds for cross-validation, by subject and stratified, where the table has no column fold
        seed: seed of the folds
        missing: zeros keeps rows in which some modality's column is empty, refuse takes them for incomplete
    """
    path = table_datalist(
        table,
        output,
        images=_names(images),
        labels=_names(labels),
        incomplete=incomplete,
        num_folds=num_folds,
        seed=seed,
        missing=missing,
    )
    print(f"datalist: {path}")


def dicom(
    root: str,
    output: str,
    rules: str,
    labels: str | None = None,
    class_names: str | tuple[str, ...] = (),
    missing: str = "refuse",
    convert: bool = False,
    incomplete: str = "report",
    num_folds: int = 5,
    seed: int = 0,
) -> None:
    """DICOM studies: a folder for each patient, whose series rules tell apart by any elements of their headers.

    Args:
        root: folder of the patients' folders
        output: the JSON to write
        rules: YAML with a line for each modality, such as "T2: {EchoTime: [60, 120]}"
        labels: CSV with the columns subject, and if there are any label, mask, fold, slice and others
        class_names: names of the labels in the order of their index, such as benign,malignant
        missing: zeros keeps patients without some modality, refuse takes them for incomplete
        convert: write NIfTI beside the datalist; needed where series share a folder
        incomplete: report stops at patients with missing, doubtful or irregular series; drop leaves them out
        num_folds: folds for cross-validation, by subject and stratified
        seed: seed of the folds
    """
    path = dicom_datalist(
        root,
        output,
        rules,
        labels=labels,
        class_names=_names(class_names),
        missing=missing,
        convert=convert,
        incomplete=incomplete,
        num_folds=num_folds,
        seed=seed,
    )
    print(f"datalist: {path}")


def _names(value: str | int | tuple) -> tuple[str, ...]:
    """Fire parses ``a,b`` as a tuple, ``a`` as text and ``0,1`` as integers."""
    return tuple(str(item) for item in (value if isinstance(value, tuple | list) else (value,)))


COHORTS = {"lgg": lgg, "brats": brats, "nsclc": nsclc, "table": table, "dicom": dicom}


def main() -> None:
    """Run the command line."""
    brief_input_errors()
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    fire.Fire(COHORTS, name="make_datalist.py")


if __name__ == "__main__":
    main()
