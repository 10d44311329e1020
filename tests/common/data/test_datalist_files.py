from __future__ import annotations

import shutil

import nibabel as nib
import numpy as np
import pytest
from PIL import Image

from common.data import load_datalist
from common.errors import InputError


def problems(cohort, **settings) -> list[str]:
    """Lines of the message without its first one, which counts them."""
    try:
        load_datalist(cohort.save(), **settings)
    except InputError as error:
        return [line.strip() for line in str(error).splitlines()[1:]]
    return []


def only_problem(cohort, **settings) -> str:
    (line,) = problems(cohort, **settings)
    return line


def test_a_missing_file_is_named(cohort):
    (cohort.folder / "s2_seg.nii.gz").unlink()
    line = only_problem(cohort)
    assert line.startswith(f"training[2] (subject s2) mask: {cohort.folder / 's2_seg.nii.gz'}: found no such file")


@pytest.mark.parametrize("keep", [0.0, 0.05, 0.5, 0.98])
def test_a_truncated_nifti_is_found_wherever_it_ends(cohort, keep):
    path = cohort.folder / "s0_t1.nii.gz"
    data = path.read_bytes()
    path.write_bytes(data[: int(len(data) * keep)])
    assert "s0_t1.nii.gz: found a" in (line := only_problem(cohort))
    assert "truncated" in line or (keep < 0.5 and "unreadable" in line)


def test_a_flipped_bit_in_a_gzip_is_found(cohort):
    path = cohort.folder / "s0_t1.nii.gz"
    data = bytearray(path.read_bytes())
    data[-6] ^= 1  # in the checksum
    path.write_bytes(bytes(data))
    assert "s0_t1.nii.gz: found a truncated or damaged file" in only_problem(cohort)


def test_the_header_check_reads_no_voxels(cohort):
    path = cohort.folder / "s0_t1.nii.gz"
    path.write_bytes(path.read_bytes()[:-200])
    assert problems(cohort, check="header") == []


def test_a_file_that_is_no_image_is_unreadable(cohort):
    for name in ("s0_t1.nii.gz", "s0_t2.nii.gz"):
        (cohort.folder / name).write_text("hello")
    assert ["found a plain file, expected gzip" in line for line in problems(cohort)] == [True, True]


@pytest.mark.parametrize(
    ("shape", "words"),
    [
        ((8, 9), "found 2D (8, 9), expected 3D"),
        ((8, 9, 1), "found 3D (8, 9, 1), expected 3D"),
        ((8, 9, 10, 1, 2), "found 5 axes (8, 9, 10, 1, 2), expected 2 or 3 in space"),
    ],
)
def test_a_file_of_other_dimensions_is_reported(cohort, shape, words):
    cohort.rows[0] = {"image": "odd.nii.gz", "subject": "s0"}
    cohort.nifti("odd.nii.gz", cohort.noise(shape))
    assert words in problems(cohort, num_images=1)[0]


def test_one_file_may_hold_the_modalities_as_channels(cohort):
    cohort.nifti("both.nii.gz", cohort.noise((8, 9, 10, 2)))
    cohort.rows[0]["image"] = "both.nii.gz"
    assert problems(cohort) == []


def test_a_single_channel_with_an_axis_of_its_own_is_one_image(cohort):
    cohort.content["training"] = [{"image": "one.nii.gz", "subject": "s"}]
    cohort.nifti("one.nii.gz", cohort.noise((8, 9, 10, 1)))
    assert problems(cohort, num_images=1) == []


def test_modalities_stored_with_different_axes_cannot_be_stacked(cohort):
    cohort.nifti("s0_t2.nii.gz", cohort.noise((8, 9, 10, 1)))
    assert "found shape (8, 9, 10, 1), expected (8, 9, 10) as s0_t1.nii.gz" in only_problem(cohort)


@pytest.mark.parametrize("num_images", [None, 2])
def test_another_number_of_modalities_is_reported(cohort, num_images):
    cohort.rows[3]["image"].pop()
    assert "training[3] (subject s3) image: found 1 image, expected 2" in only_problem(cohort, num_images=num_images)


def test_images_of_one_row_must_share_shape_and_affine(cohort):
    cohort.nifti("s0_t2.nii.gz", cohort.noise((8, 9, 11)))
    cohort.nifti("s1_t2.nii.gz", cohort.noise(), np.diag([2.0, 2.0, 2.5, 1.0]))
    first, second = problems(cohort)
    assert "found shape (8, 9, 11), expected (8, 9, 10) as s0_t1.nii.gz" in first
    # The tenth slice is 9 x 0.5 mm away, in voxels of 2 mm.
    assert "s1_t2.nii.gz: found a grid up to 2.2 voxels away" in second


def test_the_mask_must_share_the_images_grid(cohort):
    shifted = cohort.affine.copy()
    shifted[0, 3] = 1.0
    cohort.nifti("s0_seg.nii.gz", cohort.box(), shifted)
    cohort.nifti("s1_seg.nii.gz", cohort.box((9, 9, 10)))
    first, second = problems(cohort)
    assert "mask" in first and "found a grid up to 0.5 voxels away" in first
    assert "found shape (9, 9, 10), expected (8, 9, 10) as the image s1_t1.nii.gz" in second


def test_rounding_in_a_header_is_no_mismatch(cohort):
    cohort.nifti("s0_seg.nii.gz", cohort.box(), cohort.affine + 1e-4)
    assert problems(cohort) == []


def test_a_header_without_geometry_is_reported(cohort):
    header = nib.Nifti1Header()
    header.set_sform(np.diag([0.0, 0.0, 0.0, 1.0]), code=1)
    nib.save(nib.Nifti1Image(cohort.noise(), None, header), cohort.folder / "s0_t1.nii.gz")
    assert "affine has no inverse" in problems(cohort)[0]


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_nan_and_infinite_voxels_are_counted(cohort, bad):
    voxels = cohort.noise().astype(np.float32)
    voxels[0, 0, :3] = bad
    cohort.nifti("s0_t1.nii.gz", voxels)
    assert "s0_t1.nii.gz: found 3 voxels that are NaN or infinite" in only_problem(cohort)
    assert problems(cohort, check="header") == []


def test_a_constant_image_or_channel_is_reported(cohort):
    cohort.nifti("s0_t1.nii.gz", np.full((8, 9, 10), 7, dtype=np.int16))
    both = cohort.noise((8, 9, 10, 2))
    both[..., 1] = 0
    cohort.nifti("both.nii.gz", both)
    cohort.rows[1]["image"] = "both.nii.gz"
    first, second = problems(cohort)
    assert "s0_t1.nii.gz: found one value everywhere, expected" in first
    assert "both.nii.gz: found one value everywhere in channel 1, expected" in second


def test_one_file_for_two_modalities_is_reported(cohort):
    cohort.rows[0]["image"] = ["s0_t1.nii.gz", "s0_t1.nii.gz"]
    assert "s0_t1.nii.gz: found twice, expected one file per modality" in only_problem(cohort)


@pytest.mark.parametrize(
    ("voxels", "mask_label", "words"),
    [
        (np.zeros((8, 9, 10), np.uint8), None, "found an empty mask"),
        (np.eye(10)[:9, None].repeat(9, 1)[:8].astype(np.int16) * -1, None, "found the values [-1], expected integers"),
        (np.ones((8, 9, 10), np.uint8), None, "found a mask that fills the whole image"),
        (np.ones((8, 9, 10), np.uint8), 1, "found a mask that fills the whole image"),
        (np.eye(10)[:9, None].repeat(9, 1)[:8].astype(np.uint8) * 2, 1, "found labels [2], expected [1] (mask_label)"),
        (np.linspace(0, 1, 720).reshape(8, 9, 10), None, "found values that are no labels"),
        (np.full((8, 9, 10), np.nan), None, "found 720 voxels that are NaN"),
        (np.zeros((8, 9, 10, 2), np.uint8), None, "found 2 channels, expected one"),
    ],
)
def test_a_useless_mask_is_reported(cohort, voxels, mask_label, words):
    cohort.nifti("s0_seg.nii.gz", voxels)
    assert words in only_problem(cohort, mask_label=mask_label)


def test_of_several_mask_labels_one_is_enough(cohort):
    cohort.nifti("s0_seg.nii.gz", cohort.box(value=4))
    assert problems(cohort, mask_label=[1, 2, 4]) == []
    assert "found labels [4], expected [1, 2]" in only_problem(cohort, mask_label=[1, 2])


def test_png_slices_load_in_2d_and_only_there(cohort):
    rows = []
    for i in range(3):
        Image.fromarray(cohort.noise((12, 9), seed=i).astype(np.uint8)).save(cohort.folder / f"{i}.png")
        mask = np.zeros((12, 9), dtype=np.uint8)
        mask[2:4, 2:4] = 255
        Image.fromarray(mask).save(cohort.folder / f"{i}_mask.png")
        rows.append({"image": f"{i}.png", "mask": f"{i}_mask.png", "subject": str(i)})
    cohort.content["training"] = rows
    assert problems(cohort, spatial_dims=2, mask_label=255) == []
    assert ["found 2D (9, 12), expected 3D" in line for line in problems(cohort)] == [True] * 3


def test_a_second_run_opens_no_file(cohort, tmp_path, monkeypatch):
    path = cohort.save()
    rows = load_datalist(path, cache_dir=tmp_path / "cache")
    monkeypatch.setattr("common.images.facts_cache.read_image_facts", lambda *a, **k: pytest.fail("a file was read"))
    assert load_datalist(path, cache_dir=tmp_path / "cache") == rows


def test_files_are_read_the_same_by_one_thread_and_by_many(cohort):
    cohort.nifti("s0_t1.nii.gz", np.zeros((8, 9, 10), np.int16))
    cohort.nifti("s5_t1.nii.gz", np.zeros((8, 9, 10), np.int16))
    assert problems(cohort, num_workers=1) == problems(cohort, num_workers=4)


def test_the_patients_of_lgg_96_load(shared_data, tmp_path):
    from common.data.cohorts import lgg_datalist

    path = lgg_datalist(shared_data / "lgg_96", tmp_path / "lgg.json", incomplete="drop")
    rows = load_datalist(path, mask="required", label="required", mask_label=1, num_images=3)
    assert len(rows) == 62
    assert sum(row["label"] for row in rows) == 35


def test_dicom_series_load_as_modalities_with_a_dicom_mask(shared_data, cohort):
    study = shared_data / "pgbm_dicom" / "PGBM-001" / "study_19911119"
    names = ("FLAIR_reg", "T1pre_reg", "T1post", "T2_reg")
    row = {"image": [str(study / name) for name in names], "mask": str(study / "Mask_Tumor"), "subject": "PGBM-001"}
    cohort.content["training"] = [row]
    assert problems(cohort, num_images=4) == []


def test_a_dicom_series_with_a_missing_slice_is_reported(shared_data, cohort):
    study = shared_data / "pgbm_dicom" / "PGBM-001" / "study_19911119"
    shutil.copytree(study / "T1post", cohort.folder / "T1post")
    (cohort.folder / "T1post" / "000010.dcm").chmod(0o644)
    (cohort.folder / "T1post").chmod(0o755)
    (cohort.folder / "T1post" / "000010.dcm").unlink()
    cohort.content["training"] = [{"image": "T1post", "subject": "PGBM-001"}]
    assert "a slice is missing" in only_problem(cohort)


@pytest.mark.parametrize(
    ("shape", "dims", "words"),
    [
        ((12, 9), [2, 3], None),
        ((12, 9, 5), [2, 3], None),
        ((12, 9, 1), [2, 3], None),
        ((12, 9, 1), 2, "found 3D (12, 9, 1), expected 2D (spatial_dims) with extent in each axis; provide a slice"),
        ((12, 9, 5), 2, "found 3D (12, 9, 5), expected 2D"),
        ((12, 9), 3, "found 2D (12, 9), expected 3D (spatial_dims) with extent in each axis; provide a volume"),
        ((12, 1, 1), [2, 3], "found 3D (12, 1, 1), expected 2D or 3D (spatial_dims) with extent in each axis"),
    ],
)
def test_slices_volumes_or_both_are_accepted_as_asked(cohort, shape, dims, words):
    cohort.content["training"] = [{"image": "one.nii.gz", "subject": "s"}]
    cohort.nifti("one.nii.gz", cohort.noise(shape))
    found = problems(cohort, spatial_dims=dims)
    assert found == [] if words is None else words in found[0]


def test_other_spatial_dims_are_reported(cohort):
    with pytest.raises(InputError, match=r"spatial_dims is \[1, 2\]; expected one of 2, 3, \[2, 3\]"):
        load_datalist(cohort.save(), spatial_dims=[1, 2])


@pytest.mark.parametrize("suffix", ["png", "nii.gz"])
def test_slices_of_other_size_cannot_be_modalities_of_one_row(cohort, suffix):
    for name, shape in (("a", (12, 9)), ("b", (12, 10))):
        voxels = cohort.noise(shape)
        if suffix == "png":
            Image.fromarray(voxels.T.astype(np.uint8)).save(cohort.folder / f"{name}.png")
        else:
            cohort.nifti(f"{name}.nii.gz", voxels)
    cohort.content["training"] = [{"image": [f"a.{suffix}", f"b.{suffix}"], "subject": "s"}]
    line = only_problem(cohort, spatial_dims=2)
    assert f"b.{suffix}: found shape" in line and f"as a.{suffix}; resample it onto the same grid" in line


def test_a_colour_png_among_the_modalities_is_reported(cohort):
    for i in range(3):
        voxels = cohort.noise((12, 9, 3), seed=i).astype(np.uint8)
        Image.fromarray(voxels).save(cohort.folder / f"{i}.png")
    cohort.content["training"] = [{"image": [f"{i}.png" for i in range(3)], "subject": "s"}]
    lines = problems(cohort, spatial_dims=2, num_images=3)
    assert [f"{i}.png: found an image in colour, expected one grey value" in line for i, line in enumerate(lines)] == [
        True,
        True,
        True,
    ]
