"""Cohorts in the layout of their original downloads."""

from __future__ import annotations

import json
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
from monai.transforms import LoadImage
from PIL import Image

from common.data import load_datalist
from common.data.cohorts import brats_datalist, busi_datalist, kits_datalist, lgg_datalist, npz_datalist, oasis_datalist
from common.images.read import read_image
from common.transforms import CheckedReader

RNG = np.random.default_rng(0)


def rows_of(path: Path, **settings) -> list[dict]:
    return load_datalist(path, **settings)


def picture(path: Path, pixels: np.ndarray, mode: str = "L") -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).convert(mode).save(path)


def nifti(path: Path, mask: bool = False, affine: np.ndarray | None = None) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    voxels = RNG.integers(0, 2 if mask else 1000, (6, 7, 8)).astype(np.int16)
    nib.save(nib.Nifti1Image(voxels, np.diag([1.0, 1, 2, 1]) if affine is None else affine), path)


@pytest.mark.parametrize("inner", ["", "Dataset_BUSI_with_GT"])
def test_busi_in_colour_png_with_several_masks_and_a_near_duplicate(tmp_path, inner):
    root = tmp_path / "busi"
    for name in ("benign", "malignant", "normal"):
        for number in range(1, 4):
            if (name, number) != ("malignant", 2):
                pixels = RNG.integers(0, 255, (20, 24), dtype=np.uint8)
            picture(root / inner / name / f"{name} ({number}).png", pixels, "RGB")
            mask = np.zeros((20, 24), np.uint8)
            mask[2:6, 3:9] = 255
            picture(root / inner / name / f"{name} ({number})_mask.png", mask * (name != "normal"))
    second = np.zeros((20, 24), np.uint8)
    second[10:14, 10:20] = 255
    picture(root / inner / "benign" / "benign (2)_mask_1.png", second)
    path = busi_datalist(root, tmp_path / "out" / "busi.json", num_folds=2)
    rows = rows_of(path, spatial_dims=2, mask="required", label="required")
    images = [f"{n} ({i})" for n in ("benign", "malignant") for i in (1, 2, 3)]
    assert [row["case"] for row in rows] == images
    assert [row["subject"] for row in rows] == [*images[:4], images[3], images[5]]
    areas = [(read_image(row["mask"]).voxels > 0).sum() for row in rows]
    assert areas == [24, 64, 24, 24, 24, 24]


def test_lgg_slices_become_volumes_and_repeated_flair_is_a_missing_sequence(tmp_path):
    root = tmp_path / "kaggle_3m"
    grades = {"CS_0001": 1, "DU_0002": 2, "DU_0003": 2, "CS_0004": 1, "DU_0005": 2}
    patients = {f"TCGA_{name}_19990101": grade for name, grade in grades.items()}
    volumes = {}
    for name in patients:
        volume = volumes[name] = RNG.integers(1, 255, (20, 12, 10, 3), dtype=np.uint8)  # more than nine: 10 follows 9
        if name == "TCGA_DU_0003_19990101":
            volume[..., 2] = volume[..., 1]
        for number, pixels in enumerate(volume, start=1):
            picture(root / name / f"{name}_{number}.tif", pixels, "RGB")
            mask = np.zeros((12, 10), np.uint8)
            mask[3:6, 2:5] = 255
            picture(root / name / f"{name}_{number}_mask.tif", mask)
    lines = ["Patient,neoplasm_histologic_grade", *(f"{name[:12]},{grade}.0" for name, grade in patients.items())]
    (root / "data.csv").write_text("\n".join(lines) + "\n")
    rows = rows_of(lgg_datalist(tmp_path, tmp_path / "out" / "lgg.json", incomplete="drop", num_folds=2))
    assert [(row["subject"], row["label"], row["centre"]) for row in rows] == [
        ("TCGA_CS_0001", 0, "CS"),
        ("TCGA_CS_0004", 0, "CS"),
        ("TCGA_DU_0002", 1, "DU"),
        ("TCGA_DU_0005", 1, "DU"),
    ]
    flair = read_image(rows[0]["image"][0]).voxels
    assert (flair == volumes["TCGA_CS_0001_19990101"][..., 1].transpose(2, 1, 0)).all()
    assert (read_image(rows[0]["mask"]).voxels > 0).sum() == 20 * 9


def test_oasis_discs(tmp_path):
    voxels = RNG.integers(0, 1000, (6, 7, 8, 1)).astype(np.int16)
    for number, disc in ((1, 1), (2, 1), (3, 2), (4, 2), (5, 2)):
        scan = f"OAS1_{number:04d}_MR1"
        folder = tmp_path / f"disc{disc}" / scan / "PROCESSED" / "MPRAGE" / "T88_111"
        folder.mkdir(parents=True)
        nib.save(
            nib.AnalyzeImage(voxels, np.diag([-1.0, 1, 1, 1])), folder / f"{scan}_mpr_n4_anon_111_t88_masked_gfc.img"
        )
    lines = ["ID,M/F,Hand,Age,CDR", "OAS1_0001_MR1,F,R,74,0", "OAS1_0002_MR1,M,R,80,0.5", "OAS1_0003_MR1,M,R,60,"]
    lines += ["OAS1_0004_MR1,F,R,71,0", "OAS1_0005_MR1,M,R,81,0.5"]
    (tmp_path / "oasis_cross-sectional.csv").write_text("\n".join(lines) + "\n")
    path = oasis_datalist(tmp_path, tmp_path / "out" / "oasis.json", label="CDR", incomplete="drop", num_folds=2)
    rows = rows_of(path)
    assert [(row["subject"], row["age"], row["label"]) for row in rows] == [
        ("OAS1_0001", 74, 0),
        ("OAS1_0002", 80, 1),
        ("OAS1_0004", 71, 0),
        ("OAS1_0005", 81, 1),
    ]
    assert (read_image(rows[0]["image"]).voxels == voxels[..., 0]).all()


@pytest.mark.parametrize(
    ("table", "mask"),
    [("kits.json", "segmentation"), ("kits.json", "aggregated_MAJ_seg"), ("kits23.json", "segmentation")],
)
def test_kits_of_2019_2021_and_2023(tmp_path, table, mask):
    affine = np.array([[0, 0, 1.0, 0], [0, -1.0, 0, 0], [-2.0, 0, 0, 0], [0, 0, 0, 1]])
    entries = []
    for number in range(4):
        case = f"case_{number:05d}"
        nifti(tmp_path / case / "imaging.nii.gz", affine=affine)
        nifti(tmp_path / case / f"{mask}.nii.gz", mask=True, affine=affine)
        subtype = ("clear_cell_rcc", "papillary_rcc")[number % 2]
        entries.append({"case_id": case, "tumor_histologic_subtype": subtype})
    (tmp_path / table).write_text(json.dumps(entries))
    rows = rows_of(kits_datalist(tmp_path, tmp_path / "out" / "kits.json", clear_cell=None, num_folds=2))
    assert [row["label"] for row in rows] == [0, 1, 0, 1] and rows[0]["mask"].endswith(f"{mask}.nii.gz")


@pytest.mark.parametrize(
    ("folders", "names", "subjects", "labels"),
    [
        (
            ["HGG/Brats18_2013_10_1", "HGG/Brats18_2013_11_1", "LGG/Brats18_TCIA01_20_2", "LGG/Brats18_TCIA01_21_1"],
            "_flair.nii.gz _t1.nii.gz _t1ce.nii.gz _t2.nii.gz _seg.nii.gz",
            ["Brats18_2013_10", "Brats18_2013_11", "Brats18_TCIA01_20", "Brats18_TCIA01_21"],
            [1, 1, 0, 0],
        ),
        (
            ["BraTS2021_00000", "BraTS2021_00002"],
            "_flair.nii.gz _t1.nii.gz _t1ce.nii.gz _t2.nii.gz _seg.nii.gz",
            ["BraTS2021_00000", "BraTS2021_00002"],
            None,
        ),
        (
            ["BraTS-GLI-00005-000", "BraTS-GLI-02105-100"],
            "-t2f.nii.gz -t1n.nii.gz -t1c.nii.gz -t2w.nii.gz -seg.nii.gz",
            ["BraTS-GLI-00005", "BraTS-GLI-02105"],
            None,
        ),
    ],
)
def test_brats_of_2018_to_2024(tmp_path, folders, names, subjects, labels):
    for folder in folders:
        for name in names.split():
            nifti(tmp_path / "data" / folder / f"{Path(folder).name}{name}", mask="seg" in name)
    rows = rows_of(brats_datalist(tmp_path / "data", tmp_path / "brats.json", num_folds=2))
    assert [row["subject"] for row in rows] == subjects
    assert [row.get("label") for row in rows] == (labels or [None, None])
    assert [Path(path).name for path in rows[0]["image"]] == [
        f"{Path(folders[0]).name}{name}" for name in names.split()[:4]
    ]


def test_medmnist_pictures_lie_as_their_png(tmp_path):
    images = RNG.integers(0, 255, (4, 28, 20), dtype=np.uint8)
    labels = np.array([[0], [1], [0], [1]], np.uint8)
    np.savez(tmp_path / "a.npz", train_images=images, train_labels=labels, val_images=images, val_labels=labels)
    rows = rows_of(npz_datalist(tmp_path / "a.npz", tmp_path / "out", num_folds=2), spatial_dims=2)
    picture(tmp_path / "a.png", images[0])
    load = LoadImage(image_only=True, reader=CheckedReader())
    assert (load(rows[0]["image"]) == load(tmp_path / "a.png")).all()


def test_medmnist_volumes_have_their_slices_along_the_third_axis(tmp_path):
    images = RNG.integers(0, 255, (4, 10, 9, 8), dtype=np.uint8)  # N, D, H, W
    labels = np.array([[0], [1], [0], [1]], np.uint8)
    np.savez(tmp_path / "a.npz", train_images=images, train_labels=labels, val_images=images, val_labels=labels)
    rows = rows_of(npz_datalist(tmp_path / "a.npz", tmp_path / "out", num_folds=2))
    image = read_image(rows[0]["image"])
    assert image.voxels.shape == (8, 9, 10) and (images[0, 3] == image.voxels[..., 3].T).all()
    assert nib.aff2axcodes(image.affine) == ("L", "P", "S")
