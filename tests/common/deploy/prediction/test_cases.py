from __future__ import annotations

import json
import shutil
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
import torch
from pydicom.uid import generate_uid

from common.deploy.prediction.cases import FileCase, prepare
from common.deploy.prediction.classifier import open_classifier
from common.deploy.prediction.input_format import InputFormat
from common.deploy.prediction.predict import find_cases, predict_cases
from common.deploy.service.study_prediction import open_predictor
from common.deploy.verification.manifest import write_manifest
from common.errors import InputError
from common.images.dicom_rules import series_rules
from tests.bundles.bundle_files import BUNDLES
from tests.common.deploy.made_studies import (
    bundle_as_published,
    random_network,
    write_archive_folder,
    write_dicom,
    write_picture,
    write_segmentation,
)

BUNDLE = {bundle.name: bundle for bundle in BUNDLES}
AFFINE = np.diag([-1.0, -1.0, 2.0, 1.0])
RULES = "T1: {SeriesDescription: T1}\nmask: {SeriesDescription: mask}\n"
VOLUME = np.random.default_rng(0).integers(0, 500, (12, 10, 6)).astype(np.int16)
MASK = np.zeros_like(VOLUME)
MASK[4:8, 3:7, 2:4] = 1


@pytest.fixture(scope="module")
def served(tmp_path_factory):
    """A classifier of volumes of one modality with a mask."""
    folder = tmp_path_factory.mktemp("served")
    (folder / "rules.yaml").write_text(RULES)
    weights = random_network(folder / "model.ts", (1, 8, 8, 8), 2)
    options = {"in_channels": 1, "box_size": [8, 8, 8], "device": "cpu"}
    with open_classifier(
        bundle_as_published(folder, BUNDLE["siam3d_imbalance"]), weights=weights, rules=folder / "rules.yaml", **options
    ) as classifier:
        yield classifier


@pytest.fixture
def study(tmp_path):
    """A study of T1 in a folder, to which a test adds a mask."""
    uid = generate_uid()
    files = write_dicom(tmp_path / "study" / "T1", VOLUME, AFFINE, "T1", uid)
    return tmp_path / "study", uid, files


def save(path, voxels, affine=AFFINE):
    path.parent.mkdir(parents=True, exist_ok=True)
    nib.save(nib.Nifti1Image(voxels, affine), path)


@pytest.fixture
def image_of(served, tmp_path):
    """Gives what the network would see of the only study in a folder."""

    def image_of(folder):
        (case,), unreadable = find_cases(folder, served)
        assert not unreadable
        work = tmp_path / "work"
        work.mkdir(exist_ok=True)
        return torch.as_tensor(served.preprocessing(prepare(case, served.input, work))["image"])

    return image_of


@pytest.fixture
def expected(served, image_of, tmp_path):
    """What it sees of the same volume and mask as NIfTI."""
    save(tmp_path / "nifti" / "T1.nii.gz", VOLUME)
    save(tmp_path / "nifti" / "mask.nii.gz", MASK)
    return image_of(tmp_path / "nifti")


@pytest.mark.parametrize("kind", ["segmentation", "series", "file"])
def test_a_mask_may_be_a_segmentation_a_series_or_a_file_beside_the_study(kind, study, image_of, expected):
    folder, uid, files = study
    if kind == "segmentation":
        pytest.importorskip("highdicom")
        write_segmentation(folder / "seg.dcm", files, MASK)
    elif kind == "series":
        write_dicom(folder / "mask", MASK, AFFINE, "the mask", uid)
    else:
        save(folder / "p7_mask.nii.gz", MASK)
    torch.testing.assert_close(image_of(folder), expected, rtol=0, atol=0)


def test_a_segmentation_of_a_part_of_the_slices_fills_the_others_with_background(study, image_of, expected):
    pytest.importorskip("highdicom")
    folder, _, files = study
    write_segmentation(folder / "seg.dcm", files[2:4], MASK[:, :, 2:4])
    torch.testing.assert_close(image_of(folder), expected, rtol=0, atol=0)


def test_of_two_segmentations_the_rule_chooses(study, image_of, expected):
    pytest.importorskip("highdicom")
    folder, _, files = study
    write_segmentation(folder / "a.dcm", files, MASK, "the mask")
    write_segmentation(folder / "b.dcm", files, 1 - MASK, "the rest")
    torch.testing.assert_close(image_of(folder), expected, rtol=0, atol=0)


def test_two_masks_are_reported(study, image_of):
    pytest.importorskip("highdicom")
    folder, _, files = study
    for name in ("a", "b"):
        write_segmentation(folder / f"{name}.dcm", files, MASK, name)
    with pytest.raises(InputError, match=r"found 2 segmentations .*expected one; distinguish them by a rule"):
        image_of(folder)


def test_a_study_without_mask_is_reported_with_what_would_be_taken_as_one(study, image_of):
    with pytest.raises(InputError, match=r"^mask: found none; expected a DICOM segmentation, .*\(--rules\)$"):
        image_of(study[0])


@pytest.mark.parametrize(
    ("images", "problem"),
    [
        ([Path("in/a.v1.png")], r"^mask: found none of a\.v1\.png, expected a\.v1_mask\.png beside it; add it$"),
        ([Path("in/T1.nii.gz")], r"^mask: found none of T1\.nii\.gz, expected mask\.nii\.gz or \*_seg\.nii\.gz beside"),
        ({"image": "in/a.png"}, r"^mask: found none, expected a path; add it to the row$"),
    ],
    ids=["picture", "volume", "row"],
)
def test_a_file_without_mask_is_reported_with_the_name_that_its_mask_would_have(images, problem, served, tmp_path):
    with pytest.raises(InputError, match=problem):
        prepare(FileCase("p", images, served.input), served.input, tmp_path)


def test_a_mask_on_another_grid_is_reported_without_the_names_of_temporary_files(study, image_of):
    folder, uid, _ = study
    write_dicom(folder / "mask", MASK, np.diag([-1.0, -1.0, 2.5, 1.0]), "mask", uid)
    with pytest.raises(InputError, match=r"^mask: mask\.nii\.gz: found a grid up to .* resample") as error:
        image_of(folder)
    assert "\n" not in str(error.value)


def test_missing_and_double_series_and_two_patients_are_reported_at_once(served, tmp_path):
    uid = generate_uid()
    for number, name in enumerate(("T1 a", "T1 b")):
        write_dicom(tmp_path / name, VOLUME, AFFINE, name, uid, PatientID=str(number))
    (case,), _ = find_cases(tmp_path, served)
    with pytest.raises(InputError) as error:
        case.files()
    assert "T1 matches 2 series" in str(error.value) and "found files of 2 patients" in str(error.value)
    remedy = "; choose one series for each name by --rules rules.yaml (docs/hospital.md)"
    assert str(error.value).endswith(remedy)
    for path in tmp_path.rglob("*.dcm"):
        path.unlink()
    write_dicom(tmp_path / "T2", VOLUME, AFFINE, "T2", uid)
    (case,), _ = find_cases(tmp_path, served)
    with pytest.raises(InputError, match=r"no series matches T1 \(found series without number 'T2'\)") as error:
        case.files()
    assert str(error.value).endswith(remedy)


def test_a_missing_slice_is_reported(study, image_of):
    folder, _, files = study
    files[2].unlink()
    save(folder / "mask.nii.gz", MASK)
    with pytest.raises(InputError, match=r"T1 \(.*slice distances .*a slice is missing"):
        image_of(folder)


def test_a_row_whose_file_does_not_exist_is_reported(served):
    case = FileCase("p", {"image": "/nowhere/T1.nii.gz"}, served.input)
    with pytest.raises(InputError, match=r"found no /nowhere/T1.nii.gz; correct the path"):
        case.files()
    with pytest.raises(InputError, match="found a row without image"):
        FileCase("p", {"mask": "m.nii.gz"}, served.input).files()


def test_a_slice_that_nothing_chooses_is_reported(tmp_path):
    weights = random_network(tmp_path / "model.ts", (3, 32, 32), 2)
    with open_classifier(BUNDLE["liver_cgc"], weights=weights, device="cpu") as liver:
        for name in ("T1", "T2", "OUT"):
            save(tmp_path / "p" / f"{name}.nii.gz", VOLUME)
        (case,), _ = find_cases(tmp_path / "p", liver)
        (tmp_path / "work").mkdir()
        with pytest.raises(InputError, match=r"found a volume of 6 slices and nothing that names one"):
            prepare(case, liver.input, tmp_path / "work")


def test_a_network_of_pictures_refuses_a_volume_unless_its_row_names_the_slice(tmp_path):
    wanted = InputFormat(("US",), 2, mask="required", pictures=True)
    save(tmp_path / "p/image.nii.gz", VOLUME)
    save(tmp_path / "p/mask.nii.gz", MASK)
    save(tmp_path / "one/image.nii.gz", VOLUME[:, :, 3:4])
    save(tmp_path / "one/mask.nii.gz", MASK[:, :, 3:4])
    row = {name: str(tmp_path / f"p/{name}.nii.gz") for name in ("image", "mask")}
    with pytest.raises(InputError, match=r"^image: found a volume of 6 slices, expected a picture"):
        prepare(FileCase("p", row, wanted), wanted, tmp_path)
    single = FileCase("one", sorted((tmp_path / "one").iterdir()), wanted)
    for case in (FileCase("p", {**row, "slice": 3}, wanted), single):
        (image,) = prepare(case, wanted, tmp_path)["image"]
        assert np.array_equal(nib.load(image).get_fdata().squeeze()[::-1, ::-1], VOLUME[:, :, 3])


@pytest.mark.parametrize(
    ("archive", "datalist"),
    [
        (("CT",), None),
        (("CT",), {"0": "ct"}),
        (("CT",), {"0": "image"}),
        (("image",), {"0": "CT"}),
        (("FLAIR", "T1"), {"0": "flair", "1": "t1"}),
    ],
)
def test_a_datalist_of_the_archives_modalities_or_without_names_is_taken(archive, datalist, tmp_path):
    content = {"testing": [{"image": "a.nii.gz"}]} | ({"modality": datalist} if datalist else {})
    (tmp_path / "datalist.json").write_text(json.dumps(content))
    InputFormat(archive).check_modalities(tmp_path / "datalist.json")


@pytest.mark.parametrize(
    ("archive", "datalist", "problem"),
    [
        (("US",), {"0": "CT"}, "found CT; expected US, as the archive takes; take"),
        (("CT",), {"0": " CT"}, "found ' CT'; expected CT, as the archive takes"),
        (("FLAIR", "T1"), {"0": "T1", "1": "FLAIR"}, "found T1, FLAIR; expected FLAIR, T1, in this order"),
        (("T1",), {"0": "FLAIR", "1": "T1"}, "found FLAIR, T1; expected T1, as the archive takes"),
    ],
)
def test_a_datalist_of_other_modalities_is_refused(archive, datalist, problem, tmp_path):
    (tmp_path / "datalist.json").write_text(json.dumps({"modality": datalist, "testing": [{"image": "a.nii.gz"}]}))
    with pytest.raises(InputError, match=rf"datalist\.json: modality: {problem}"):
        InputFormat(archive).check_modalities(tmp_path / "datalist.json")


def test_a_datalist_may_name_the_channels_of_the_training_where_dicom_rules_have_other_names(tmp_path):
    channels = ("flair", "t1pre", "t1post")
    content = {"modality": dict(enumerate(channels)), "testing": [{"image": ["a.nii.gz"] * 3}]}
    (tmp_path / "datalist.json").write_text(json.dumps(content))
    InputFormat(("T1", "T2", "OUT"), channels=channels).check_modalities(tmp_path / "datalist.json")
    with pytest.raises(InputError, match="found flair, t1pre, t1post; expected in, t2, out, in this order"):
        InputFormat(("T1", "T2", "OUT"), channels=("in", "t2", "out")).check_modalities(tmp_path / "datalist.json")


@pytest.mark.parametrize("channel", ["image", "t1", "Shape"])
def test_the_rules_of_an_archive_are_those_of_its_channels_in_any_case(channel, tmp_path):
    weights = random_network(tmp_path / "model.ts", (1, 8, 8, 8), 2)
    root = bundle_as_published(tmp_path / "bundle", BUNDLE["mlsscl_3d"])
    metadata = json.loads((root / "configs/metadata.json").read_text())
    metadata["network_data_format"]["inputs"]["image"]["channel_def"] = {"0": channel}
    (root / "configs/metadata.json").write_text(json.dumps(metadata))
    with open_classifier(root, weights=weights, device="cpu") as served:
        assert [*served.rules] == [channel] and served.input.channels == (channel,)


@pytest.fixture
def other_channels(tmp_path):
    """An archive of liver_cgc whose channels have other names than its rules, as those of before."""
    metadata = json.loads((BUNDLE["liver_cgc"] / "configs/metadata.json").read_text())
    weights = random_network(tmp_path / "model.ts", (3, 8, 8), 2)
    archive = write_archive_folder(tmp_path / "archive", BUNDLE["liver_cgc"], weights)
    metadata["network_data_format"]["inputs"]["image"]["channel_def"] = {"0": "t1pre", "1": "flair", "2": "t1post"}
    (archive / "configs/metadata.json").write_text(json.dumps(metadata))
    write_manifest(archive)
    return archive


def test_images_of_other_modalities_never_take_the_place_of_the_networks(other_channels, tmp_path):
    names = {"own": ("t1pre", "flair", "t1post"), "other": ("T1", "T2", "OUT")}
    for folder, modalities in names.items():
        for name in modalities:
            save(tmp_path / "in" / folder / f"{name}.nii.gz", VOLUME)
            write_dicom(tmp_path / "dicom" / folder / name, VOLUME, AFFINE, name, f"1.2.{len(folder)}")
    (tmp_path / "datalist.json").write_text(
        json.dumps({"modality": dict(enumerate(names["own"])), "testing": [{"image": ["a.nii.gz"] * 3}]})
    )
    with open_classifier(other_channels, device="cpu") as served:
        (other, own), _ = find_cases(tmp_path / "in", served)
        assert [*own.series()] == [*names["own"]]
        with pytest.raises(InputError, match="found 0 files of t1pre"):
            other.files()
        ((row,), _) = find_cases(tmp_path / "datalist.json", served)
        assert [*row.series()] == [*names["own"]]
        for case in find_cases(tmp_path / "dicom", served)[0]:
            with pytest.raises(
                InputError, match=r"none for t1pre, flair, t1post, .*\(--rules\), or package the weights"
            ):
                case.files()
    with pytest.raises(InputError, match=r"none for t1pre"), open_predictor(other_channels, tmp_path / "out"):
        pass


def test_rules_that_are_given_name_the_networks_modalities_in_any_order(other_channels, tmp_path):
    (tmp_path / "rules.yaml").write_text(
        "\n".join(f"{name}: {{SeriesDescription: {name}}}" for name in ("mask", "FLAIR", "t1post", "t1pre"))
    )
    with open_classifier(other_channels, rules=tmp_path / "rules.yaml", device="cpu") as served:
        assert [*served.rules] == ["t1pre", "flair", "t1post", "mask"]
        assert served.input.modalities == ("t1pre", "flair", "t1post")
    (tmp_path / "rules.yaml").write_text("".join(f"{name}: {{Modality: MR}}\n" for name in ("T1", "T2", "OUT")))
    message = r"rules\.yaml: found rules of T1, T2, OUT; expected t1pre, flair, t1post, the modalities"
    options = {"rules": tmp_path / "rules.yaml", "device": "cpu"}
    with pytest.raises(InputError, match=message), open_classifier(other_channels, **options):
        pass


def test_a_missing_modality_is_zeros_where_training_had_them_and_named_where_not(tmp_path):
    files = {name: tmp_path / f"in/{name}.nii.gz" for name in ("T1", "OUT")}
    for path in files.values():
        save(path, VOLUME)
    save(tmp_path / "in/mask.nii.gz", MASK)
    row = {"image": [str(files["T1"]), None, str(files["OUT"])], "mask": str(tmp_path / "in/mask.nii.gz")}
    (tmp_path / "datalist.json").write_text(json.dumps({"testing": [{**row, "subject": "p1"}]}))
    weights = random_network(tmp_path / "model.ts", (3, 8, 8), 2)
    with open_classifier(BUNDLE["liver_cgc"], weights=weights, device="cpu", missing="zeros") as served:
        for source in ("in", "datalist.json"):
            (case,), _ = find_cases(tmp_path / source, served)
            assert case.series()["T2"] == "missing" and case.lacking() == ["T2"]
            (work := tmp_path / "work" / source).mkdir(parents=True)
            prepared = prepare(case, served.input, work)["image"]
            assert [bool(nib.load(path).get_fdata().any()) for path in prepared] == [True, False, True]
        batch = predict_cases(served, [case], tmp_path / "out")
        assert not batch.failed and batch.results[0]["series"]["T2"] == "missing"
        row["image"] = [str(files["T1"]), str(files["OUT"]), None]  # the same files, elsewhere
        again = predict_cases(served, [FileCase("p1", row, served.input)], tmp_path / "out")
        assert again.skipped == 0 and again.results[0]["probabilities"] != batch.results[0]["probabilities"]
        lost = FileCase("p2", {"image": [None, None, None]}, served.input)
        with pytest.raises(InputError, match="found no file of T1, T2, OUT, expected one"):
            prepare(lost, served.input, tmp_path / "work/in")
        only = FileCase("p3", {**row, "image": [None, str(files["T1"]), None]}, served.input)
        prepared = prepare(only, served.input, tmp_path / "work/in")["image"]
        assert [bool(nib.load(path).get_fdata().any()) for path in prepared] == [False, True, False]
    with open_classifier(BUNDLE["liver_cgc"], weights=weights, device="cpu") as served:
        (case,), _ = find_cases(tmp_path / "datalist.json", served)
        with pytest.raises(InputError, match=r"^image: found no file of T2, expected one; .* --missing zeros$"):
            prepare(case, served.input, tmp_path / "work/in")


def test_one_unnamed_modality_is_any_file_and_any_given_rule(tmp_path):
    weights = random_network(tmp_path / "model.ts", (1, 8, 8, 8), 2)
    archive = write_archive_folder(tmp_path / "archive", BUNDLE["siam3d_imbalance"], weights)
    metadata = json.loads((archive / "configs/metadata.json").read_text())
    metadata["network_data_format"]["inputs"]["image"]["channel_def"] = {"0": "image"}
    (archive / "configs/metadata.json").write_text(json.dumps(metadata))
    write_manifest(archive)
    save(tmp_path / "in/scan7.nii.gz", VOLUME)
    (tmp_path / "rules.yaml").write_text("PET: {Modality: PT}\n")
    with open_classifier(archive, device="cpu") as served:
        ((case,), _) = find_cases(tmp_path / "in", served)
        assert case.series() == {"image": str(tmp_path / "in/scan7.nii.gz")}
    with open_classifier(archive, rules=tmp_path / "rules.yaml", device="cpu") as served:
        assert [*served.rules] == ["PET"]


def test_the_only_rule_that_was_packaged_finds_the_only_modality_by_whatever_name(tmp_path):
    weights = random_network(tmp_path / "model.ts", (1, 8, 8, 8), 2)
    archive = write_archive_folder(tmp_path / "archive", BUNDLE["siam3d_imbalance"], weights)
    metadata = json.loads((archive / "configs/metadata.json").read_text())
    rules = {name: {"SeriesDescription": name} for name in ("nodule_scan", "mask")}
    (archive / "configs/metadata.json").write_text(json.dumps({**metadata, "dicom_rules": rules}))
    write_manifest(archive)
    with open_classifier(archive, device="cpu") as served:
        assert [*served.rules] == [*rules] and served.input.modalities == ("nodule_scan",)


def test_an_archive_whose_modality_no_rule_can_name_takes_files(tmp_path):
    weights = random_network(tmp_path / "model.ts", (1, 8, 8, 8), 2)
    archive = write_archive_folder(tmp_path / "archive", BUNDLE["mlsscl_3d"], weights)
    metadata = json.loads((archive / "configs/metadata.json").read_text())
    metadata["network_data_format"]["inputs"]["image"]["channel_def"] = {"0": "T1 w"}
    metadata["dicom_rules"] = series_rules(metadata["dicom_rules"], ["T1 w"])
    (archive / "configs/metadata.json").write_text(json.dumps(metadata))
    write_manifest(archive)
    save(tmp_path / "in/scan7.nii.gz", VOLUME)
    with open_classifier(archive, device="cpu") as served:
        ((case,), _) = find_cases(tmp_path / "in", served)
        assert case.series() == {"T1 w": str(tmp_path / "in/scan7.nii.gz")}


def test_samples_of_another_bundle_are_refused_and_its_own_are_found(tmp_path):
    other = BUNDLE["siam3d_imbalance"] / "samples/datalist.json"
    for name, shape in (("mlsscl_3d", (1, 8, 8, 8)), ("radiomics_deep_contrast", (1, 8, 8))):
        weights = random_network(tmp_path / name / "model.ts", shape, 2)
        with open_classifier(BUNDLE[name], weights=weights, device="cpu") as served:
            assert len(find_cases(BUNDLE[name] / "samples/datalist.json", served)[0]) == 3
            with pytest.raises(InputError, match=r"datalist\.json: modality: found CT; expected (shape|US), as"):
                find_cases(other, served)


def test_a_picture_in_false_colours_is_reported(tmp_path):
    import pydicom

    weights = random_network(tmp_path / "model.ts", (1, 32, 32), 2)
    path = write_picture(tmp_path / "us" / "1.dcm", VOLUME[:, :, 0].astype(np.uint8), "NECK", generate_uid())
    data = pydicom.dcmread(path)
    data.PhotometricInterpretation = "PALETTE COLOR"
    data.save_as(path)
    with open_classifier(
        bundle_as_published(tmp_path / "bundle", BUNDLE["radiomics_deep_contrast"]), weights=weights, device="cpu"
    ) as served:
        (case,), _ = find_cases(tmp_path / "us", served)
        with pytest.raises(InputError, match=r"tumour: found unreadable pixels in 1.dcm"):
            case.row(tmp_path)


def test_cases_whose_folders_share_a_name_stay_apart(served, tmp_path):
    for name in ("a b", "a_b"):
        save(tmp_path / name / "T1.nii.gz", VOLUME)
    assert [case.name for case in find_cases(tmp_path, served)[0]] == ["a b", "a_b-2"]


def test_an_empty_folder_is_reported(served, tmp_path):
    with pytest.raises(InputError, match="found neither DICOM images nor NIfTI files"):
        find_cases(tmp_path, served)
    with pytest.raises(
        InputError, match=r"nowhere: found no such folder or file, expected .* a datalist; correct the path"
    ):
        find_cases(tmp_path / "nowhere", served)
    (tmp_path / "datalist.json").touch()
    with pytest.raises(InputError, match=r"a datalist; did you mean .*/datalist.json\?$"):
        find_cases(tmp_path / "datalis.json", served)


def test_a_mask_beside_several_studies_is_nobodys(study, served, tmp_path):
    folder, _, _ = study
    shutil.copytree(folder / "T1", tmp_path / "flat")
    write_dicom(tmp_path / "flat2", VOLUME, AFFINE, "T1", generate_uid())
    for number, path in enumerate((tmp_path / "flat2").iterdir()):
        shutil.copyfile(path, tmp_path / "flat" / f"other{number}.dcm")
    shutil.rmtree(tmp_path / "flat2")
    save(tmp_path / "flat" / "mask.nii.gz", MASK)
    cases, _ = find_cases(tmp_path / "flat", served)
    dicom = [case for case in cases if case.name.startswith("1.2")]
    assert len(dicom) == 2 and all(not case.mask_files for case in dicom)


def test_an_archive_is_given_files_as_the_project_reads_them(served, image_of, expected, tmp_path):
    """MONAI's own reader, which archives have, leaves micrometres as they are, and a mask of 255/255 not quite 1."""
    micrometres = nib.Nifti1Image(VOLUME, AFFINE @ np.diag([1000.0, 1000, 1000, 1]))
    micrometres.header.set_xyzt_units("micron")
    mask = nib.Nifti1Image((MASK * 255).astype(np.uint8), AFFINE)
    mask.header.set_slope_inter(1 / 255, 0)
    (tmp_path / "odd").mkdir()
    nib.save(micrometres, tmp_path / "odd" / "T1.nii")
    (tmp_path / "odd" / "T1.nii").rename(tmp_path / "odd" / "T1.NII")
    nib.save(mask, tmp_path / "odd" / "mask.nii.gz")
    assert torch.equal(image_of(tmp_path / "odd"), expected)
