"""Inputs that public bug reports of other readers describe, created here, with values of a second reader.

The volume is 32 x 32 x 12 with voxels of 1 x 1 x 2 mm; its mask has 515 voxels, in which its mean is 547.427.
"""

from __future__ import annotations

import shutil
import subprocess
from io import BytesIO
from pathlib import Path

import nibabel as nib
import numpy as np
import pydicom
import pytest
from monai.transforms import LoadImage
from PIL import Image
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.encaps import encapsulate, generate_frames
from pydicom.filebase import DicomBytesIO
from pydicom.filewriter import write_dataset
from pydicom.uid import (
    MPEG2MPML,
    BasicTextSRStorage,
    DeflatedExplicitVRLittleEndian,
    EnhancedMRImageStorage,
    ExplicitVRLittleEndian,
    HTJ2KLossless,
    JPEG2000Lossless,
    JPEGLSLossless,
    MRImageStorage,
    RLELossless,
    generate_uid,
)

from common.errors import InputError
from common.images.facts import read_image_facts
from common.images.nifti import write_nifti
from common.images.read import read_image
from common.images.read_volume import read_mask, read_volume
from common.images.stored_image import UnreadableImageError
from common.transforms import CheckedReader

AFFINE = np.diag([-1.0, -1.0, 2.0, 1.0])
INDICES = np.indices((12, 32, 32))
DISTANCE = sum((INDICES[axis] - centre) ** 2 for axis, centre in enumerate((6, 16, 16)))
VOXELS = (np.random.default_rng(0).normal(400, 60, (12, 32, 32)) + (DISTANCE <= 36) * 150).round().astype(np.uint16)
MASK = DISTANCE <= 25  # both [z, y, x]
MEAN = 547.427


def header(pixels: np.ndarray, **tags) -> Dataset:
    """A DICOM image ``[(frames,) rows, columns]`` without a position."""
    data = Dataset()
    data.file_meta = FileMetaDataset()
    data.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    data.SOPClassUID = data.file_meta.MediaStorageSOPClassUID = tags.pop("SOPClassUID", MRImageStorage)
    data.SOPInstanceUID = data.file_meta.MediaStorageSOPInstanceUID = generate_uid()
    known = {
        "PatientID": "P",
        "Modality": "MR",
        "SeriesNumber": 1,
        "SeriesDescription": "T1",
        "SamplesPerPixel": 1,
        "PhotometricInterpretation": "MONOCHROME2",
        "Rows": pixels.shape[-2],
        "Columns": pixels.shape[-1],
        "BitsAllocated": 16,
        "BitsStored": 16,
        "HighBit": 15,
        "PixelRepresentation": 0,
        "PixelData": pixels.astype("<u2").tobytes(),
    }
    for keyword, value in (known | tags).items():
        setattr(data, keyword, value)
    return data


def save(data: Dataset, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    data.save_as(path, enforce_file_format=True)


def write_series(folder: Path, voxels: np.ndarray = VOXELS, change=lambda data, number: None) -> Path:
    """Write slices ``[z, y, x]``, each after a change of its header."""
    uids = {name: generate_uid() for name in ("SeriesInstanceUID", "StudyInstanceUID", "FrameOfReferenceUID")}
    for number, pixels in enumerate(voxels):
        data = header(pixels, InstanceNumber=number + 1, SliceThickness="2", PixelSpacing=["1", "1"], **uids)
        data.ImageOrientationPatient = ["1", "0", "0", "0", "1", "0"]
        data.ImagePositionPatient = ["0", "0", str(2 * number)]
        change(data, number)
        save(data, folder / f"IM{number:04d}.dcm")
    return folder


def write_enhanced(path: Path, voxels: np.ndarray, heights: list[float], change=lambda data: None, **content) -> Path:
    """Write frames ``[frame, y, x]`` at these heights as one file; content of a frame as a list for each keyword."""

    def sequence(**tags) -> list[Dataset]:
        item = Dataset()
        for keyword, value in tags.items():
            setattr(item, keyword, value)
        return [item]

    data = header(voxels, SOPClassUID=EnhancedMRImageStorage, NumberOfFrames=len(voxels))
    data.SeriesInstanceUID, data.StudyInstanceUID = generate_uid(), generate_uid()
    data.SharedFunctionalGroupsSequence = sequence(
        PixelMeasuresSequence=sequence(PixelSpacing=[1, 1], SliceThickness=2, SpacingBetweenSlices=2),
        PlaneOrientationSequence=sequence(ImageOrientationPatient=[1, 0, 0, 0, 1, 0]),
    )
    frames = []
    for number, height in enumerate(heights):
        about = {"StackID": "1"} | {keyword: values[number] for keyword, values in content.items()}
        frames += sequence(
            FrameContentSequence=sequence(**about),
            PlanePositionSequence=sequence(ImagePositionPatient=[0, 0, float(height)]),
        )
    data.PerFrameFunctionalGroupsSequence = frames
    change(data)
    save(data, path)
    return path


def mean_everywhere(path: Path) -> float:
    """The mean in the mask, which training, radiomics and the datalist's check read alike."""
    image = read_image(path)
    trained = LoadImage(image_only=True, ensure_channel_first=True, reader=CheckedReader())(path)
    measured = read_volume(path)
    assert read_image_facts(str(path)).spatial_shape == image.voxels.shape == trained.shape[1:] == measured.size
    np.testing.assert_array_equal(trained.numpy()[0], image.voxels.astype(np.float32))
    np.testing.assert_allclose(trained.affine.numpy(), image.affine)
    np.testing.assert_allclose(measured.spacing, (1, 1, 2), rtol=0.03)
    return float(image.voxels[MASK.T].mean())


def refused_everywhere(path: Path, reason: str) -> None:
    for read in (read_image, read_image_facts):
        with pytest.raises(UnreadableImageError, match=reason):
            read(str(path))
    for read in (LoadImage(reader=CheckedReader()), read_volume):
        with pytest.raises(InputError, match=f"{path.name}: {reason}"):
            read(str(path))


def test_each_slice_is_rescaled_by_its_own_slope(tmp_path):
    slopes = [1.0, *(round(0.0125 * (number + 1), 6) for number in range(1, 12))]
    stored = np.stack([np.full((4, 5), 80 + number) for number in range(12)])

    def change(data, number):
        data.RescaleSlope, data.RescaleIntercept = str(slopes[number]), "-3"

    image = read_image(write_series(tmp_path / "s", stored, change))
    np.testing.assert_allclose(image.voxels.T, stored * np.reshape(slopes, (-1, 1, 1)) - 3, rtol=1e-6)


def test_frames_are_sorted_by_their_positions(tmp_path):
    order = np.random.default_rng(3).permutation(12)
    path = write_enhanced(tmp_path / "e.dcm", VOXELS[order], [2 * number for number in order])
    assert mean_everywhere(path) == pytest.approx(MEAN, abs=1e-3)
    np.testing.assert_allclose(read_image(path).affine, AFFINE)
    assert (read_image(path).voxels.T == VOXELS).all()


@pytest.mark.parametrize(
    ("heights", "content", "reason"),
    [
        ([*range(0, 24, 2)] * 2, {"TemporalPositionIndex": [1] * 12 + [2] * 12}, "found 2 stacks or time points"),
        ([*range(0, 48, 2)], {"StackID": ["1"] * 12 + ["2"] * 12}, "found 2 stacks or time points"),
        ([*range(0, 24, 2)] * 2, {}, "found two slices at one position"),
        ([*range(0, 46, 2), 48], {}, "found slice distances from 2 to 4 mm"),
    ],
)
def test_frames_that_are_no_volume_are_refused(tmp_path, heights, content, reason):
    path = write_enhanced(tmp_path / "e.dcm", np.concatenate([VOXELS, VOXELS]), heights, **content)
    refused_everywhere(path, reason)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda data: setattr(data, "NumberOfFrames", 11), "found 12 descriptions of frames, expected 11"),
        (lambda data: delattr(data, "NumberOfFrames"), "found 12 descriptions of frames, expected 1"),
        (lambda data: setattr(data, "PixelData", data.PixelData[:-2048]), "found 22528 bytes of pixels in e.dcm"),
        (lambda data: setattr(data, "PixelData", data.PixelData * 2), "found 49152 bytes of pixels in e.dcm"),
        (lambda data: delattr(data, "PerFrameFunctionalGroupsSequence"), "found 12 frames without a position"),
    ],
)
def test_missing_or_surplus_frames_are_refused(tmp_path, change, reason):
    refused_everywhere(write_enhanced(tmp_path / "e.dcm", VOXELS, [*range(0, 24, 2)], change), reason)


def jpeg2000(frames: np.ndarray) -> list[bytes]:
    """Code streams of Pillow, as pydicom writes no JPEG 2000."""
    streams = [BytesIO() for _ in frames]
    for frame, stream in zip(frames, streams, strict=True):
        Image.fromarray(frame).save(stream, "JPEG2000", irreversible=False, no_jp2=True)
    return [stream.getvalue() for stream in streams]


@pytest.mark.parametrize("syntax", [RLELossless, JPEGLSLossless, JPEG2000Lossless])
@pytest.mark.parametrize("offsets", [True, False])
@pytest.mark.parametrize(("stated", "stored"), [(12, 12), (12, 11), (12, 13), (1, 1), (1, 12), (2, 1)])
def test_compressed_frames_are_as_many_as_numberofframes_says(tmp_path, syntax, offsets, stated, stored):
    order = np.arange(max(stated, stored)) % 12

    def compress(data):
        if syntax == JPEG2000Lossless:
            frames = jpeg2000(VOXELS[order])
            data.file_meta.TransferSyntaxUID, data["PixelData"].is_undefined_length = syntax, True
        else:
            data.compress(syntax)
            frames = list(generate_frames(data.PixelData, number_of_frames=len(order)))
        data.PixelData = encapsulate(frames[:stored], has_bot=offsets)
        data.NumberOfFrames = stated
        data.PerFrameFunctionalGroupsSequence = data.PerFrameFunctionalGroupsSequence[:stated]

    path = write_enhanced(tmp_path / "e.dcm", VOXELS[order], [2 * number for number in range(len(order))], compress)
    if stated == stored:
        assert (VOXELS[:stored] == read_image(path).voxels.T).all()
    else:
        refused_everywhere(path, f"found {stored} compressed frames in e.dcm, expected {stated}")


def test_a_compressed_frame_in_several_fragments_is_one_frame(tmp_path):
    def compress(data):
        data.compress(JPEGLSLossless)
        (frame,) = generate_frames(data.PixelData, number_of_frames=1)
        data.PixelData = encapsulate([frame], fragments_per_frame=3, has_bot=False)

    assert (
        VOXELS[0] == read_image(write_enhanced(tmp_path / "e.dcm", VOXELS[:1], [0], compress)).voxels[..., 0].T
    ).all()


@pytest.mark.parametrize("syntax", [JPEGLSLossless, JPEG2000Lossless])
@pytest.mark.parametrize(("stored", "stated"), [(1, 2), (2, 4), (2, 1)])
def test_fragments_of_a_frame_are_no_frames(tmp_path, syntax, stored, stated):
    def compress(data):
        if syntax == JPEG2000Lossless:
            frames = jpeg2000(VOXELS[:4])
            data.file_meta.TransferSyntaxUID, data["PixelData"].is_undefined_length = syntax, True
        else:
            data.compress(syntax)
            frames = list(generate_frames(data.PixelData, number_of_frames=4))
        data.PixelData = encapsulate(frames[:stored], fragments_per_frame=2, has_bot=False)
        data.NumberOfFrames = stated
        data.PerFrameFunctionalGroupsSequence = data.PerFrameFunctionalGroupsSequence[:stated]

    path = write_enhanced(tmp_path / "e.dcm", VOXELS[:4], [0, 2, 4, 6], compress)
    refused_everywhere(path, f"found {stored} compressed frames in e.dcm, expected {stated}")


@pytest.mark.parametrize(
    ("kind", "bits", "signed"),
    [
        (kind, bits, signed)
        for kind in ("j2k", "ls", "rle", "deflated")
        for bits, signed in ((8, False), (10, False), (12, False), (12, True), (16, False), (16, True))
        if not (kind == "j2k" and signed)  # Pillow writes no signed JPEG 2000
    ],
)
def test_lossless_compression_of_any_depth_gives_the_values_that_simpleitk_reads(tmp_path, kind, bits, signed):
    import SimpleITK as sitk

    low = -(1 << bits - 1) if signed else 0
    voxels = np.linspace(low, low + (1 << bits) - 1, 3 * 12 * 10).astype(np.int64).reshape(3, 12, 10)
    size = 1 if bits == 8 else 2

    def change(data, number):
        stored = voxels[number].astype(f"<{'i' if signed else 'u'}{size}")
        data.BitsAllocated, data.BitsStored, data.HighBit = 8 * size, bits, bits - 1
        data.PixelRepresentation, data.PixelData = int(signed), stored.tobytes()
        if kind == "j2k":
            data.PixelData = encapsulate(jpeg2000(stored[None]))
            data.file_meta.TransferSyntaxUID, data["PixelData"].is_undefined_length = JPEG2000Lossless, True
        elif kind == "deflated":
            data.file_meta.TransferSyntaxUID = DeflatedExplicitVRLittleEndian
        else:
            data.compress(JPEGLSLossless if kind == "ls" else RLELossless)

    folder = write_series(tmp_path / "s", np.zeros((3, 12, 10)), change)
    theirs = sitk.GetArrayFromImage(sitk.ReadImage(sitk.ImageSeriesReader.GetGDCMSeriesFileNames(str(folder))))
    assert (voxels == read_image(folder).voxels.T).all() and (theirs == voxels).all()


@pytest.mark.parametrize(
    ("syntax", "reason"),
    [
        (HTJ2KLossless, r"which cannot be decoded without pylibjpeg.*; install what is missing"),
        (MPEG2MPML, r"which cannot be decoded, expected another one; convert the file to uncomp"),
    ],
)
def test_a_compression_without_decoder_is_refused_with_the_remedy(tmp_path, syntax, reason):
    def change(data, number):
        data.PixelData = encapsulate([b"\xff\x4f and so on"])
        data.file_meta.TransferSyntaxUID, data["PixelData"].is_undefined_length = syntax, True

    folder = write_series(tmp_path / "s", VOXELS[:2], change)
    with pytest.raises(UnreadableImageError, match=rf"^found the compression .* in IM0000\.dcm, {reason}"):
        read_image(folder)


def test_a_tilted_frame_and_a_rescaled_frame_are_seen(tmp_path):
    def tilt(data):
        group = Dataset()
        group.ImageOrientationPatient = [0, 1, 0, 0, 0, -1]
        data.PerFrameFunctionalGroupsSequence[3].PlaneOrientationSequence = [group]

    refused_everywhere(write_enhanced(tmp_path / "t.dcm", VOXELS, [*range(0, 24, 2)], tilt), "found slice orientations")

    def rescale(data):
        for number, frame in enumerate(data.PerFrameFunctionalGroupsSequence):
            group = Dataset()
            group.RescaleSlope, group.RescaleIntercept, group.RescaleType = number + 1, -5, "US"
            frame.PixelValueTransformationSequence = [group]

    image = read_image(write_enhanced(tmp_path / "r.dcm", VOXELS, [*range(0, 24, 2)], rescale))
    assert (VOXELS * np.arange(1, 13).reshape(-1, 1, 1) - 5.0 == image.voxels.T).all()


def test_values_of_monochrome1_volumes_stay_and_inverted_pictures_are_refused(tmp_path):
    def invert(data, number):
        data.PhotometricInterpretation = "MONOCHROME1"

    assert mean_everywhere(write_series(tmp_path / "s", change=invert)) == pytest.approx(MEAN, abs=1e-3)
    save(header(VOXELS[0], PhotometricInterpretation="MONOCHROME1"), tmp_path / "picture.dcm")
    refused_everywhere(tmp_path / "picture.dcm", "found an inverted picture")


@pytest.mark.parametrize(
    "change",
    [
        lambda data, number: setattr(data, "SliceThickness", "2.000000" if number == 0 else "2"),
        lambda data, number: setattr(data, "SliceThickness", "1.99999" if number == 0 else "2"),
        lambda data, number: setattr(data, "SequenceName", f"*tfl{number % 2}"),
        lambda data, number: setattr(data, "SeriesDate", f"2020010{1 + number // 6}"),
        lambda data, number: setattr(
            data, "PixelSpacing", ["0.97650", "0.97650"] if number % 2 else ["0.97649999"] * 2
        ),
    ],
)
def test_a_series_is_what_its_uid_and_geometry_say(tmp_path, change):
    assert mean_everywhere(write_series(tmp_path / "s", change=change)) == pytest.approx(MEAN, abs=1e-3)


def test_jitter_in_the_orientation_is_no_other_orientation(tmp_path):
    def tilt(data, number):
        sine = 0.0345 + (1e-7 if number % 2 else -1e-7)
        cosine = (1 - sine * sine) ** 0.5
        data.ImageOrientationPatient = [f"{v:.9f}" for v in (cosine, sine, 0, -sine, cosine, 0)]

    assert mean_everywhere(write_series(tmp_path / "s", change=tilt)) == pytest.approx(MEAN, abs=1e-3)


@pytest.mark.parametrize("keyword", ["ImagePositionPatient", "ImageOrientationPatient", "PixelSpacing", "RescaleSlope"])
@pytest.mark.parametrize("value", ["nan", "inf"])
def test_geometry_and_slopes_that_are_not_finite_are_refused(tmp_path, keyword, value):
    folder = write_series(tmp_path / "s", VOXELS[:3])
    path = folder / "IM0001.dcm"
    data = pydicom.dcmread(path)
    counts = {"ImagePositionPatient": 3, "ImageOrientationPatient": 6, "PixelSpacing": 2, "RescaleSlope": 1}
    text = "\\".join([value] * counts[keyword]).encode()
    marker = b"~" * len(text)  # no UID holds it
    if keyword in data:
        del data[keyword]
    data.add_new(keyword, "LO", marker.decode())
    data.save_as(path)
    content = path.read_bytes().replace(marker, text)
    path.write_bytes(content)
    refused_everywhere(folder, f"found {keyword} .*finite")


def test_reports_and_files_without_pixels_beside_the_slices_do_not_count(tmp_path):
    folder = write_series(tmp_path / "s")
    report = header(VOXELS[0], SOPClassUID=BasicTextSRStorage, Modality="SR", SeriesInstanceUID=generate_uid())
    for keyword in [element.keyword for element in report if element.tag.group == 0x0028] + ["PixelData"]:
        delattr(report, keyword)
    save(report, folder / "SR.dcm")
    (folder / "notes.txt").write_text("seen")
    (folder / "DICOMDIR").write_bytes(b"\0" * 128 + b"DICM")
    assert mean_everywhere(folder) == pytest.approx(MEAN, abs=1e-3)


def test_slices_that_lost_their_preamble_count(tmp_path):
    folder = write_series(tmp_path / "s")
    for number in (9, 10, 11):
        bare, buffer = Dataset(), DicomBytesIO()
        for element in pydicom.dcmread(folder / f"IM{number:04d}.dcm"):
            bare.add(element)
        buffer.is_little_endian = buffer.is_implicit_VR = True
        write_dataset(buffer, bare)
        (folder / f"IM{number:04d}.dcm").write_bytes(buffer.getvalue())
    assert mean_everywhere(folder) == pytest.approx(MEAN, abs=1e-3)


def test_two_patients_in_one_series_are_refused(tmp_path):
    def rename(data, number):
        data.PatientID = "P" if number < 6 else "Q"

    refused_everywhere(write_series(tmp_path / "s", change=rename), "found 2 patients in 12 files")


def test_two_frames_of_reference_in_one_series_are_refused_and_a_missing_one_is_none(tmp_path):
    def move(data, number):
        data.FrameOfReferenceUID = "1.2.3" if number < 6 else "1.2.4"

    def leave_out(data, number):
        if number < 6:
            data.FrameOfReferenceUID = "1.2.3"
        elif "FrameOfReferenceUID" in data:
            del data.FrameOfReferenceUID

    refused_everywhere(write_series(tmp_path / "s", change=move), "found 2 frames of reference in 12 files")
    assert read_image(write_series(tmp_path / "t", change=leave_out)).voxels.shape[2] == 12


def test_pixels_are_as_many_as_rows_and_columns_say(tmp_path):
    folder = write_series(tmp_path / "s")
    data = pydicom.dcmread(folder / "IM0004.dcm")
    data.PixelData = data.PixelData[:1024]
    data.save_as(folder / "IM0004.dcm")
    refused_everywhere(folder, "found 1024 bytes of pixels in IM0004.dcm, expected 2048")
    for path in folder.iterdir():  # 8 GB, claimed by a file of 2 KB
        data = pydicom.dcmread(path)
        data.Rows = data.Columns = 65535
        data.save_as(path)
    refused_everywhere(folder, "found .* bytes of pixels in IM0000.dcm, expected 8589672450")


def test_a_palette_of_greys_is_applied_and_one_of_colours_refused(tmp_path):
    pixels = (np.random.default_rng(1).normal(120, 30, (64, 48)).clip(0, 255) // 16 * 16).astype(np.uint8)
    Image.fromarray(pixels).quantize(256).save(tmp_path / "grey.png", optimize=True)
    assert Image.open(tmp_path / "grey.png").mode == "P"
    assert (pixels == read_image(tmp_path / "grey.png").voxels.T).all()
    coloured = Image.fromarray(pixels % 3, "L").convert("P")
    coloured.putpalette([255, 0, 0, 0, 255, 0, 0, 0, 255])
    coloured.save(tmp_path / "coloured.png")
    refused_everywhere(tmp_path / "coloured.png", "found an image in colour")


@pytest.mark.parametrize("mode", ["RGB", "RGBA", "LA", "L"])
def test_pictures_of_equal_channels_are_grey_and_upright(tmp_path, mode):
    pixels = np.random.default_rng(1).integers(0, 255, (20, 12), dtype=np.uint8)
    exif = Image.Exif()
    exif[0x0112] = 6  # the camera was rotated
    Image.fromarray(pixels).convert(mode).save(tmp_path / "a.png", exif=exif)
    assert (np.rot90(pixels, -1) == read_image(tmp_path / "a.png").voxels.T).all()


def test_lossy_masks_are_refused(tmp_path):
    pixels = np.zeros((64, 64), np.uint8)
    pixels[4:28, 10:50] = 255
    Image.fromarray(pixels).save(tmp_path / "mask.jpg", quality=75)
    with pytest.raises(UnreadableImageError, match="found a mask in JPEG"):
        read_image_facts(str(tmp_path / "mask.jpg"), is_mask=True)
    with pytest.raises(InputError, match="found a mask in JPEG"):
        read_mask(tmp_path / "mask.jpg", read_volume(tmp_path / "mask.jpg"))


def test_the_name_says_how_a_nifti_is_read(tmp_path):
    path = write_nifti(tmp_path / "a.nii", VOXELS.T, AFFINE)
    packed = write_nifti(tmp_path / "p.nii.gz", VOXELS.T, AFFINE)
    shutil.copy(path, tmp_path / "A.NII")
    assert mean_everywhere(tmp_path / "A.NII") == pytest.approx(MEAN, abs=1e-3)
    shutil.copy(path, tmp_path / "b.nii.gz")
    refused_everywhere(tmp_path / "b.nii.gz", "found a plain file, expected gzip")
    shutil.copy(packed, tmp_path / "c.NII")
    refused_everywhere(tmp_path / "c.NII", "found gzip, expected a plain file")


@pytest.mark.parametrize("name", ["a.nii", "A.NII", "a.nii.gz", "a.NII.GZ"])
def test_a_truncated_nifti_is_refused_in_any_spelling(tmp_path, name):
    plain = write_nifti(tmp_path / ("x.nii.gz" if name.lower().endswith("gz") else "x.nii"), VOXELS.T, AFFINE)
    content = plain.read_bytes()
    (tmp_path / name).write_bytes(content[: len(content) * 6 // 10])
    refused_everywhere(tmp_path / name, "found a truncated file")


def test_no_more_is_unpacked_than_the_header_says(tmp_path):
    import gzip

    plain = write_nifti(tmp_path / "x.nii", VOXELS.T, AFFINE).read_bytes()
    bomb = gzip.compress(plain, 1) + gzip.compress(bytes(1 << 26), 9) * 64  # 4 GiB of zeros
    (tmp_path / "bomb.nii.gz").write_bytes(bomb)
    refused_everywhere(tmp_path / "bomb.nii.gz", "found more than the .* bytes that the header declares")


def test_colours_of_nifti_are_grey_where_equal_and_refused_elsewhere(tmp_path):
    colours = np.zeros((8, 7, 6), [("R", "u1"), ("G", "u1"), ("B", "u1")])
    for name in "RGB":
        colours[name] = np.arange(336).reshape(8, 7, 6) % 256
    nib.save(nib.Nifti1Image(colours, AFFINE), tmp_path / "grey.nii.gz")
    assert (read_image(tmp_path / "grey.nii.gz").voxels == colours["R"]).all()
    colours["G"] //= 2
    nib.save(nib.Nifti1Image(colours, AFFINE), tmp_path / "coloured.nii.gz")
    refused_everywhere(tmp_path / "coloured.nii.gz", "found an image in colour")


def nifti(path: Path, sform: np.ndarray | None = AFFINE, qform: np.ndarray | None = AFFINE, **fields) -> Path:
    image = nib.Nifti1Image(VOXELS.T.astype(np.float32), AFFINE)
    image.set_qform(qform, code=0 if qform is None else 1)
    image.set_sform(sform, code=0 if sform is None else 1)
    for name, value in fields.items():
        image.header[name] = value
    nib.save(image, path)
    return path


@pytest.mark.parametrize(
    ("sform", "qform", "reason"),
    [
        (AFFINE, AFFINE @ np.diag([-1, 1, 1, 1]), "found a sform and a qform up to .* voxels apart"),
        (np.diag([-1.25, -1.25, 2.5, 1]), AFFINE, "found a sform and a qform up to .* voxels apart"),
        (np.diag([0.0, 1, 1, 1]), None, "found a header whose affine has no inverse"),
    ],
)
def test_geometry_on_which_readers_disagree_is_refused(tmp_path, sform, qform, reason):
    refused_everywhere(nifti(tmp_path / "a.nii.gz", sform, qform), reason)


def test_a_sheared_grid_is_refused_and_a_sform_sheared_by_rounding_gives_way_to_the_qform(tmp_path):
    sheared = AFFINE.copy()
    sheared[:3, 1] += 0.3 * sheared[:3, 0]
    reason = "found a sheared grid, with axes 73.3 degrees apart, expected right angles; resample"
    refused_everywhere(nifti(tmp_path / "a.nii.gz", sheared, None), reason)
    import SimpleITK as sitk

    image = sitk.GetImageFromArray(VOXELS.astype(np.float32))
    image.SetDirection((sheared[:3, :3] / np.linalg.norm(sheared[:3, :3], axis=0)).ravel().tolist())
    sitk.WriteImage(image, tmp_path / "a.nrrd")
    refused_everywhere(tmp_path / "a.nrrd", reason)
    sheared[:3, 1] = AFFINE[:3, 1] + 1e-3 * AFFINE[:3, 0]
    path = nifti(tmp_path / "b.nii.gz", sheared, AFFINE)
    assert mean_everywhere(path) == pytest.approx(MEAN, abs=1e-3)
    np.testing.assert_allclose(read_image(path).affine, AFFINE)
    refused_everywhere(nifti(tmp_path / "c.nii.gz", sheared, None), "found a sheared grid, with axes 89.94 degrees")


def test_a_sform_of_other_voxel_sizes_is_refused(tmp_path):
    path = nifti(tmp_path / "a.nii.gz", np.diag([-1.25, -1.25, 2.5, 1]), None, pixdim=[1, 1, 1, 2, 0, 0, 0, 0])
    refused_everywhere(path, "found a sform with voxels of 1.25 x 1.25 x 2.5 mm, expected 1 x 1 x 2")


def test_micrometres_become_millimetres_and_one_form_is_enough(tmp_path):
    large = AFFINE @ np.diag([1000.0, 1000, 1000, 1])
    path = nifti(tmp_path / "a.nii.gz", large, large, xyzt_units=3)
    assert mean_everywhere(path) == pytest.approx(MEAN, abs=1e-3)
    for sform, qform in ((AFFINE, None), (None, AFFINE)):
        assert mean_everywhere(nifti(tmp_path / "b.nii.gz", sform, qform)) == pytest.approx(MEAN, abs=1e-3)
        np.testing.assert_allclose(read_image(tmp_path / "b.nii.gz").affine, AFFINE)


@pytest.mark.parametrize("slope", [0, np.nan])
def test_no_slope_leaves_the_stored_values(tmp_path, slope):
    path = nifti(tmp_path / "a.nii", scl_inter=5)
    content = bytearray(path.read_bytes())
    content[112:120] = np.array([slope, 5], "<f4").tobytes()
    path.write_bytes(content)
    assert mean_everywhere(path) == pytest.approx(MEAN, abs=1e-3)


def test_a_slope_that_undoes_255_gives_a_mask_of_ones(tmp_path):
    image = nib.Nifti1Image((MASK.T * 255).astype(np.uint8), AFFINE)
    image.header.set_slope_inter(np.float32(1 / 255), 0)
    nib.save(image, tmp_path / "mask.nii.gz")
    path = tmp_path / "mask.nii.gz"
    assert read_image_facts(str(path), is_mask=True).values == ((0.0, MASK.size - 515), (1.0, 515))
    assert np.unique(LoadImage(image_only=True, reader=CheckedReader())(path)).tolist() == [0, 1]


def test_voxels_that_are_not_finite_are_refused(tmp_path):
    voxels = VOXELS.T.astype(np.float32)
    voxels[3, 4, 5], voxels[0, 0, 0] = np.nan, np.inf
    nib.save(nib.Nifti1Image(voxels, AFFINE), tmp_path / "a.nii.gz")
    refused_everywhere(tmp_path / "a.nii.gz", "found 2 voxels that are NaN or infinite")
    voxels = VOXELS.T * 1e40  # finite in 64 bits alone
    nib.save(nib.Nifti1Image(voxels, AFFINE), tmp_path / "b.nii.gz")
    refused_everywhere(tmp_path / "b.nii.gz", f"found {VOXELS.size} voxels that are NaN or infinite")


def test_dcm2niix_reads_the_same_volumes(tmp_path):
    """A second reader: voxels and geometry agree, for slopes by slice, frames in disorder and an oblique stack."""
    dcm2niix = pytest.importorskip("dcm2niix")

    def slopes(data, number):
        data.RescaleSlope, data.RescaleIntercept = str(1 + number / 4), "-7"

    def oblique(data, number):
        row, column = np.array([0.8, 0.6, 0]), np.array([0, 0, -1.0])
        data.ImageOrientationPatient = [f"{v:g}" for v in (*row, *column)]
        data.ImagePositionPatient = [f"{v:g}" for v in np.array([5, -3, 40]) + 2 * number * np.cross(row, column)]

    write_series(tmp_path / "slopes", change=slopes)
    write_series(tmp_path / "oblique", change=oblique)
    order = np.random.default_rng(3).permutation(12)
    write_enhanced(tmp_path / "frames" / "e.dcm", VOXELS[order], [2 * number for number in order])
    for folder in sorted(tmp_path.iterdir()):
        output = tmp_path / f"{folder.name}_nifti"
        output.mkdir()
        subprocess.run([dcm2niix.bin, "-f", "a", "-o", output, folder], check=True, capture_output=True)
        (path,) = output.glob("*.nii*")
        theirs, ours = nib.load(path), read_image(folder)
        shape = np.asarray(ours.voxels.shape)
        to_ours = np.round(np.linalg.inv(theirs.affine) @ ours.affine, 3)  # dcm2niix may flip axes
        indices = np.indices(shape).reshape(3, -1)
        mapped = np.rint(to_ours[:3, :3] @ indices + to_ours[:3, 3:]).astype(int)
        np.testing.assert_allclose(to_ours[:3, :3], np.rint(to_ours[:3, :3]), atol=1e-2)
        values = np.asanyarray(theirs.dataobj)[tuple(mapped)].reshape(shape)
        np.testing.assert_allclose(values, ours.voxels, rtol=1e-4, atol=1e-3)


def test_a_deflated_file_is_not_unpacked_without_bound(tmp_path, monkeypatch):
    monkeypatch.setattr("common.images.dicom_headers.MAX_DEFLATED", 1 << 20)
    data = header(np.zeros((1024, 1024)))
    data.file_meta.TransferSyntaxUID = DeflatedExplicitVRLittleEndian
    data.save_as(tmp_path / "zeros.dcm", enforce_file_format=True)
    assert (tmp_path / "zeros.dcm").stat().st_size < 4096
    refused_everywhere(tmp_path / "zeros.dcm", "found more than 1 MiB compressed into one file")


def test_an_array_of_less_than_its_header_says_is_refused(tmp_path):
    np.save(tmp_path / "a.npy", VOXELS.T)
    assert (read_image(tmp_path / "a.npy").voxels == VOXELS.T).all()
    content = (tmp_path / "a.npy").read_bytes().replace(b"(32, 32, 12)", b"(99999, 999)")
    (tmp_path / "b.npy").write_bytes(content)
    refused_everywhere(tmp_path / "b.npy", "found an unreadable file")


def test_slices_of_different_types_become_one_type_that_holds_all(tmp_path):
    voxels = VOXELS.copy()
    voxels[5, 3, 4] = 60000

    def change(data, number):
        if number % 2 == 0:
            data.PixelRepresentation, data.PixelData = 1, (voxels[number].astype(np.int16) - 1000).tobytes()
        if number == 3:
            data.BitsAllocated, data.BitsStored, data.HighBit = 8, 8, 7
            data.PixelData = (voxels[number] // 8).astype(np.uint8).tobytes()

    expected = voxels.astype(int)
    expected[::2] -= 1000
    expected[3] //= 8
    assert (expected == read_image(write_series(tmp_path / "s", voxels, change)).voxels.T).all()


def test_compressed_slices_are_those_that_simpleitk_reads(shared_data):
    import SimpleITK as sitk

    for name in ("compressed", "compressed_j2k", "compressed_jpeg", "compressed_jpegls", "compressed_rle"):
        folder = shared_data / "awkward" / "dicom2nifti" / "generic" / name / "001"
        theirs = sitk.ReadImage(sitk.ImageSeriesReader.GetGDCMSeriesFileNames(str(folder)))
        ours = read_volume(folder)
        np.testing.assert_array_equal(ours.values, sitk.GetArrayFromImage(theirs))
        np.testing.assert_allclose(ours.origin, theirs.GetOrigin(), atol=1e-4)
        np.testing.assert_allclose(ours.spacing, theirs.GetSpacing(), atol=1e-4)
        np.testing.assert_allclose(ours.direction.ravel(), theirs.GetDirection(), atol=1e-4)
