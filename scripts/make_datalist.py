"""Write the datalist of a cohort on disk: images, masks, labels and subject-wise stratified folds in one JSON."""

from __future__ import annotations

import logging

import fire

from common.data import (
    adni_datalist,
    bids_datalist,
    brats_datalist,
    busi_datalist,
    dicom_datalist,
    isbi_datalist,
    kits_datalist,
    lgg_datalist,
    npz_datalist,
    nsclc_datalist,
    oasis_datalist,
    table_datalist,
    tn_scui_datalist,
)
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


def tn_scui(root: str, output: str, incomplete: str = "report", num_folds: int = 5, seed: int = 0) -> None:
    """TN-SCUI2020: benign against malignant thyroid nodules in ultrasound.

    Args:
        root: folder with train.csv, image and mask
        output: the JSON to write
        incomplete: report stops at lines without class or with missing files; drop leaves them out
        num_folds: folds for cross-validation, by subject and stratified
        seed: seed of the folds
    """
    print(f"datalist: {tn_scui_datalist(root, output, incomplete=incomplete, num_folds=num_folds, seed=seed)}")


def kits(
    root: str,
    output: str,
    incomplete: str = "report",
    clear_cell: int | None = 20,
    num_folds: int = 5,
    seed: int = 0,
) -> None:
    """KiTS19: four subtypes of kidney tumours in CT; the cases left over go to a second JSON, to pre-train on.

    Args:
        root: folder with kits.json and case_xxxxx/{imaging,segmentation}.nii.gz
        output: the JSON to write; the second is named after it, such as datalist_pretraining.json
        incomplete: report stops at cases without subtype or with missing files; drop leaves them out
        clear_cell: cases of clear cell carcinoma to keep for classification; None for all
        num_folds: folds for cross-validation, by patient and stratified
        seed: seed of the choice and the folds
    """
    path = kits_datalist(root, output, incomplete=incomplete, clear_cell=clear_cell, num_folds=num_folds, seed=seed)
    print(f"datalist: {path}")


def busi(
    root: str,
    output: str,
    incomplete: str = "report",
    classes: str | tuple[str, ...] = ("benign", "malignant"),
    num_folds: int = 5,
    seed: int = 0,
) -> None:
    """BUSI: breast ultrasound, benign against malignant; near duplicates count as one subject.

    Args:
        root: folder with labels.csv (id, label, near_duplicate_group), images and masks
        output: the JSON to write
        incomplete: report stops at lines without class or group or with missing files; drop leaves them out
        classes: which to take in the order of their label, of benign,malignant,normal
        num_folds: folds for cross-validation, by group and stratified
        seed: seed of the folds
    """
    path = busi_datalist(root, output, incomplete=incomplete, classes=_names(classes), num_folds=num_folds, seed=seed)
    print(f"datalist: {path}")


def bids(
    root: str,
    output: str,
    images: str | tuple[str, ...] = "T1w",
    label: str | None = None,
    class_names: str | tuple[str, ...] = (),
    age: str = "age",
    columns: str | tuple[str, ...] = (),
    person: str = "participant_id",
    sessions: str | tuple[str, ...] = (),
    entities: dict[str, str] | None = None,
    mask: str | None = None,
    segmentation: str | None = None,
    missing: str = "refuse",
    incomplete: str = "report",
    num_folds: int = 5,
    seed: int = 0,
) -> None:
    """BIDS: a row for each visit; all visits of a person are in one fold.

    Args:
        root: folder of the sub- folders, with participants.tsv
        output: the JSON to write
        images: suffixes of the modalities, such as T1w,T2w,FLAIR
        label: column of participants.tsv or of the sessions.tsv with the class; default is none, as for pre-training
        class_names: values of that column in the order of their index, such as CN,AD; visits of others are incomplete
        age: column with the age
        columns: further columns to keep
        person: column that names the person, where one has several participant names
        sessions: only these
        entities: only files with these, such as "{acq: mprage}"
        mask: how names of masks below derivatives end, such as desc-brain_mask
        segmentation: the same for label maps, such as label-lesion_mask
        missing: zeros keeps visits without some modality, refuse takes them for incomplete
        incomplete: report stops at visits with missing files or unknown label; drop leaves them out
        num_folds: folds for cross-validation, by person and stratified
        seed: seed of the folds
    """
    path = bids_datalist(
        root,
        output,
        images=_names(images),
        label=label,
        class_names=_names(class_names),
        age=age,
        columns=_names(columns),
        person=person,
        sessions=_names(sessions),
        entities={key: str(value) for key, value in (entities or {}).items()},
        mask=mask,
        segmentation=segmentation,
        missing=missing,
        incomplete=incomplete,
        num_folds=num_folds,
        seed=seed,
    )
    print(f"datalist: {path}")


def adni(
    root: str,
    output: str,
    table: str | None = None,
    class_names: str | tuple[str, ...] = (),
    description: str | None = None,
    incomplete: str = "report",
    num_folds: int = 5,
    seed: int = 0,
) -> None:
    """ADNI as downloaded: folders of image ids with NIfTI or DICOM, and the table of the search.

    Args:
        root: the folder of the download
        output: the JSON to write
        table: CSV of the search; default is the only one in root
        class_names: values of Group in the order of their index, such as CN,AD; default is no labels
        description: only scans whose Description holds this text, such as MPRAGE
        incomplete: report stops at scans without file or of another group; drop leaves them out
        num_folds: folds for cross-validation, by subject and stratified
        seed: seed of the folds
    """
    path = adni_datalist(
        root,
        output,
        table=table,
        class_names=_names(class_names),
        description=description,
        incomplete=incomplete,
        num_folds=num_folds,
        seed=seed,
    )
    print(f"datalist: {path}")


def oasis(
    root: str, output: str, label: str | None = None, incomplete: str = "report", num_folds: int = 5, seed: int = 0
) -> None:
    """OASIS-1 as skull-stripped volumes: scans and rescans of one person stay together.

    Args:
        root: folder with labels.csv and <id>.nii.gz
        output: the JSON to write
        label: column with the class, such as Gender; default is none, as for pre-training
        incomplete: report stops at scans without file, age or label; drop leaves them out
        num_folds: folds for cross-validation, by person and stratified
        seed: seed of the folds
    """
    print(f"datalist: {oasis_datalist(root, output, label, incomplete=incomplete, num_folds=num_folds, seed=seed)}")


def isbi(
    root: str,
    output: str,
    modalities: str | tuple[str, ...] = ("flair", "mprage", "pd", "t2"),
    rater: int = 1,
    stage: str = "preprocessed",
    incomplete: str = "report",
    num_folds: int = 5,
    seed: int = 0,
) -> None:
    """ISBI 2015 longitudinal MS lesions: a row for each visit, the rater's mask as label.

    Args:
        root: folder of the challenge, with training01, training02, ... somewhere below
        output: the JSON to write
        modalities: any of flair,mprage,pd,t2
        rater: whose masks, 1 or 2
        stage: preprocessed, or orig for pre-training on one modality
        incomplete: report stops at visits with missing files; drop leaves them out
        num_folds: folds for cross-validation, by patient
        seed: seed of the folds
    """
    path = isbi_datalist(
        root,
        output,
        modalities=_names(modalities),
        rater=rater,
        stage=stage,
        incomplete=incomplete,
        num_folds=num_folds,
        seed=seed,
    )
    print(f"datalist: {path}")


def npz(
    archive: str,
    output: str,
    class_names: str | tuple[str, ...] = (),
    testing: str | None = None,
    spacing: float = 1.0,
    num_folds: int = 5,
    seed: int = 0,
) -> None:
    """MedMNIST archives: each image as NIfTI, and a datalist with a training and a testing section.

    Args:
        archive: the .npz
        output: folder to make; its datalist.json is what the bundles read
        class_names: in the order of their index, such as normal,hyperplasia
        testing: the part for testing; default is test, or else val
        spacing: of voxels in mm, which the archive does not tell
        num_folds: stratified folds of the training section
        seed: seed of the folds
    """
    path = npz_datalist(
        archive,
        output,
        class_names=_names(class_names),
        testing=testing,
        spacing=spacing,
        num_folds=num_folds,
        seed=seed,
    )
    print(f"datalist: {path}")


def _names(value: str | int | tuple) -> tuple[str, ...]:
    """Fire parses ``a,b`` as a tuple, ``a`` as text and ``0,1`` as integers."""
    return tuple(str(item) for item in (value if isinstance(value, tuple | list) else (value,)))


COHORTS = {
    "lgg": lgg,
    "brats": brats,
    "nsclc": nsclc,
    "table": table,
    "dicom": dicom,
    "tn_scui": tn_scui,
    "kits": kits,
    "busi": busi,
    "bids": bids,
    "adni": adni,
    "oasis": oasis,
    "isbi": isbi,
    "npz": npz,
}


def main() -> None:
    """Run the command line."""
    brief_input_errors()
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    fire.Fire(COHORTS, name="make_datalist.py")


if __name__ == "__main__":
    main()
