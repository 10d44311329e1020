"""Volumes as DICOM series, and a network that looks at every voxel but learns nothing."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import torch
from monai.bundle import ConfigParser
from pydicom.dataset import FileDataset, FileMetaDataset
from pydicom.uid import (
    UID,
    ExplicitVRLittleEndian,
    MRImageStorage,
    RLELossless,
    SecondaryCaptureImageStorage,
    UltrasoundImageStorage,
    UltrasoundMultiFrameImageStorage,
    generate_uid,
)
from torch import nn

CONFIGS = ("inference", "metadata")
PREPROCESSING = (
    *("scale_intensity", "spacing", "crop_foreground", "box_size", "image_size", "apply_mask", "lesion_share"),
)
#: Channels and classes of the papers' cohorts, where the weights that ship are of another.
PUBLISHED = {
    "siam3d_imbalance": (["FLAIR", "T1", "T1ce", "T2"], ["low grade", "high grade"]),
    "mlsscl_3d": (["T1"], ["control", "AD"]),
    "radiomics_deep_contrast": (["tumour"], ["benign", "malignant"]),
}
SOP_CLASSES = {"MR": MRImageStorage, "US": UltrasoundImageStorage, "OT": SecondaryCaptureImageStorage}


def write_dicom(
    folder: Path, volume: np.ndarray, affine: np.ndarray, description: str, study: str, **tags: Any
) -> list[Path]:
    """Write a volume ``[x, y, z]`` as transverse slices, one file each, and give the files.

    Args:
        folder: of the series, made when missing.
        volume: whole numbers that 16 bits hold.
        affine: voxels to RAS millimetres, without shear.
        description: of the series.
        study: its Study Instance UID.
        tags: set in each header.
    """
    to_lps = np.diag([-1.0, -1.0, 1.0, 1.0]) @ affine
    spacing = np.linalg.norm(affine[:3, :3], axis=0)
    folder.mkdir(parents=True, exist_ok=True)
    uid, files = generate_uid(), []
    for k in range(volume.shape[2]):
        data = _header(study, uid, k + 1, tags.get("Modality", "MR"))
        data.SeriesDescription = description
        data.ImageOrientationPatient = [round(v, 9) for v in (to_lps[:3, :2] / spacing[:2]).T.ravel()]
        data.ImagePositionPatient = [round(v, 6) for v in (to_lps @ [0, 0, k, 1])[:3]]
        data.PixelSpacing, data.SliceThickness = [spacing[1], spacing[0]], spacing[2]
        data.FrameOfReferenceUID = generate_uid(entropy_srcs=[study])
        for keyword, value in tags.items():
            setattr(data, keyword, value)
        _set_pixels(data, volume[:, :, k].T.astype(np.int16))
        files.append(folder / f"{k:03d}.dcm")
        data.save_as(files[-1], enforce_file_format=True)
    return files


def write_picture(path: Path, pixels: np.ndarray, description: str, study: str, modality: str = "US") -> Path:
    """Write a picture ``[rows, columns]`` of bytes, or ``[rows, columns, 3]``, which has no place in the patient."""
    data = _header(study, generate_uid(), 1, modality)
    data.SeriesDescription = description
    _set_pixels(data, pixels)
    path.parent.mkdir(parents=True, exist_ok=True)
    data.save_as(path, enforce_file_format=True)
    return path


def write_film(path: Path, frames: np.ndarray, study: str, compressed: bool = False) -> Path:
    """Write multi-frame ultrasound ``[frames, rows, columns]`` of bytes, whose frames have no position.

    Args:
        path: path of the file.
        frames: pixels of all frames.
        study: Study Instance UID.
        compressed: whether the frames are compressed (RLE).
    """
    import pydicom

    data = pydicom.dcmread(write_picture(path, frames[0], "cine", study))
    data.SOPClassUID = data.file_meta.MediaStorageSOPClassUID = UltrasoundMultiFrameImageStorage
    data.NumberOfFrames, data.FrameTime, data.FrameIncrementPointer = len(frames), 40, 0x00181063
    data.PixelData = frames.tobytes()
    if compressed:
        data.compress(RLELossless, generate_instance_uid=False)
    data.save_as(path, enforce_file_format=True)
    return path


def write_segmentation(path: Path, sources: list[Path], mask: np.ndarray, description: str = "tumour") -> Path:
    """Write a mask ``[x, y, z]`` as DICOM segmentation of the series that it was drawn on."""
    import highdicom as hd
    import pydicom
    from pydicom.sr.codedict import codes

    from common.deploy.prediction.structured_report import complete_header

    images = [complete_header(pydicom.dcmread(source)) for source in sources]
    segment = hd.seg.SegmentDescription(
        segment_number=1,
        segment_label="tumour",
        segmented_property_category=codes.SCT.MorphologicallyAbnormalStructure,
        segmented_property_type=codes.SCT.Neoplasm,
        algorithm_type=hd.seg.SegmentAlgorithmTypeValues.MANUAL,
    )
    segmentation = hd.seg.Segmentation(
        images,
        (mask > 0).transpose(2, 1, 0).astype(np.uint8),
        hd.seg.SegmentationTypeValues.BINARY,
        [segment],
        generate_uid(),
        99,
        generate_uid(),
        1,
        "tests",
        "tests",
        "1",
        "1",
        series_description=description,
    )
    segmentation.save_as(path, enforce_file_format=True)
    return path


def random_network(
    path: Path, image: torch.Size | tuple[int, ...], outputs: int, last: nn.Module | None = None
) -> Path:
    """TorchScript from ``[B, C, ...]`` of any size to probabilities, that depend on every voxel and on where it is.

    Args:
        path: of the file.
        image: shape of the network's input without the batch, of which the number of axes and channels count.
        outputs: number of classes.
        last: what makes probabilities of logits.
    """
    torch.manual_seed(0)
    pool = nn.AdaptiveAvgPool2d(3) if len(image) == 3 else nn.AdaptiveAvgPool3d(3)
    features = image[0] * 3 ** (len(image) - 1)
    normalize = nn.LayerNorm(features)
    network = nn.Sequential(pool, nn.Flatten(), normalize, nn.Linear(features, outputs), last or nn.Softmax(dim=1))
    path.parent.mkdir(parents=True, exist_ok=True)
    torch.jit.script(network.eval()).save(str(path))
    return path


def bundle_as_published(folder: Path, bundle: Path) -> Path:
    """The bundle's inference for its paper's cohort, with the defaults of train.yaml, instead of the weights that ship.

    Args:
        folder: folder in which the copy of the bundle's configs is made.
        bundle: folder of the bundle.
    """
    inference, metadata = (json.loads((bundle / f"configs/{name}.json").read_text()) for name in CONFIGS)
    trained = ConfigParser.load_config_file(bundle / "configs/train.yaml")
    inference |= {name: trained[name] for name in PREPROCESSING if name in inference and name in trained}
    if bundle.name in PUBLISHED:
        channels, classes = PUBLISHED[bundle.name]
        inference |= {"in_channels": len(channels)}
        inputs, outputs = (metadata["network_data_format"][kind] for kind in ("inputs", "outputs"))
        inputs["image"] |= {"num_channels": len(channels), "channel_def": {str(k): v for k, v in enumerate(channels)}}
        outputs["pred"]["channel_def"] = {str(k): v for k, v in enumerate(classes)}
    (folder / bundle.name / "configs").mkdir(parents=True)
    for name, content in zip(CONFIGS, (inference, metadata), strict=True):
        (folder / bundle.name / f"configs/{name}.json").write_text(json.dumps(content))
    return folder / bundle.name


def write_archive_folder(folder: Path, bundle: Path, weights: Path) -> Path:
    """The least that is an archive: configs of a bundle whose network may abstain, weights, a manifest."""
    from common.deploy.verification.manifest import write_manifest
    from common.exported_inference import OWN_FOLDERS

    (folder / "configs").mkdir(parents=True)
    (folder / "models").mkdir()
    inference = json.loads((bundle / "configs/inference.json").read_text()) | OWN_FOLDERS
    (folder / "configs/inference.json").write_text(json.dumps(inference))
    shutil.copyfile(weights, folder / "models/model.ts")
    metadata = json.loads((bundle / "configs/metadata.json").read_text())
    output = metadata["network_data_format"]["outputs"]["pred"]
    output["channel_def"][str(output["num_channels"])] = "no call"
    output["num_channels"] += 1
    (folder / "configs/metadata.json").write_text(json.dumps(metadata))
    write_manifest(folder)
    return folder


def _header(study: str, series: str, number: int, modality: str) -> FileDataset:
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID = UID(SOP_CLASSES[modality])
    meta.MediaStorageSOPInstanceUID = generate_uid()
    meta.TransferSyntaxUID = ExplicitVRLittleEndian
    data = FileDataset(None, {}, file_meta=meta, preamble=b"\0" * 128)
    data.SOPClassUID, data.SOPInstanceUID = meta.MediaStorageSOPClassUID, meta.MediaStorageSOPInstanceUID
    data.Modality, data.StudyInstanceUID, data.SeriesInstanceUID, data.InstanceNumber = modality, study, series, number
    data.PatientID, data.PatientName, data.StudyDate = "7", "Doe^Jane", "20200102"
    return data


def _set_pixels(data: FileDataset, pixels: np.ndarray) -> None:
    data.Rows, data.Columns = pixels.shape[:2]
    data.SamplesPerPixel = 3 if pixels.ndim == 3 else 1
    data.PhotometricInterpretation = "RGB" if pixels.ndim == 3 else "MONOCHROME2"
    if pixels.ndim == 3:
        data.PlanarConfiguration = 0
    data.BitsAllocated = data.BitsStored = 8 * pixels.dtype.itemsize
    data.HighBit, data.PixelRepresentation = data.BitsStored - 1, int(pixels.dtype.kind == "i")
    data.PixelData = np.ascontiguousarray(pixels).tobytes()
