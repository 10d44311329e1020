"""Cost of the checks on good input: images read for training, and headers of a hospital's DICOM files."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np
import pandas as pd
from monai.transforms import LoadImage
from tqdm import tqdm

from ..images.nifti import write_nifti
from ..images.studies import find_studies
from ..transforms import CheckedReader
from .turns import Spread, take_turns

__all__ = ["make_images", "measure_loading", "measure_scan", "reading_table"]

SLICES = 100  # of a series of the scan


def make_images(folder: str | Path, num_images: int, size: int, seed: int = 0) -> dict[str, list[str]]:
    """Write the same volumes of noise as compressed NIfTI and as DICOM series.

    Args:
        folder: folder for the files.
        num_images: number of volumes.
        size: number of voxels along each axis.
        seed: random seed for the voxels.

    Returns:
        Paths by format.
    """
    folder, rng = Path(folder), np.random.default_rng(seed)
    found: dict[str, list[str]] = {"NIfTI": [], "DICOM": []}
    for number in range(num_images):
        voxels = rng.normal(400, 60, (size,) * 3).astype(np.int16)
        path = folder / f"{number}.nii.gz"
        write_nifti(path, voxels, np.diag([-1.0, -1.0, 2.0, 1.0]))
        _write_series(folder / f"{number}", voxels)
        found["NIfTI"].append(str(path))
        found["DICOM"].append(str(folder / f"{number}"))
    return found


def measure_loading(images: Mapping[str, Sequence[str]], rounds: int = 5) -> dict[str, Any]:
    """Seconds of MONAI's ``LoadImage`` with its own readers and with the project's, which take turns in one process.

    Both read each image once before, so that the files are in the system's memory.

    Args:
        images: paths of images by group.
        rounds: number of measurements of all images.

    Returns:
        ``settings`` and ``rows``, one for each group, as plain values.
    """
    loaders = {
        "MONAI": LoadImage(image_only=True, ensure_channel_first=True),
        "checked": LoadImage(image_only=True, ensure_channel_first=True, reader=CheckedReader()),
    }
    rows = []
    for group, paths in images.items():
        contestants = {name: _reading(loader, paths) for name, loader in loaders.items()}
        for read in contestants.values():
            read(len(paths))
        found = take_turns(contestants, rounds, len(paths), 1, perf_counter, group)
        seconds = {name: Spread.of(times)._asdict() for name, times in found.items()}
        ratio = Spread.of(ours / theirs for ours, theirs in zip(found["checked"], found["MONAI"], strict=True))
        rows.append({"images": group, "count": len(paths), "seconds": seconds, "time over MONAI": ratio._asdict()})
    return {"settings": {"rounds": rounds}, "rows": rows}


def _reading(loader: LoadImage, paths: Sequence[str]) -> Callable[[int], None]:
    """A function that reads the next images, from the first again after the last."""
    position = 0

    def read(steps: int) -> None:
        """Read the next files in turn."""
        nonlocal position
        for _ in range(steps):
            loader(paths[position % len(paths)])
            position += 1

    return read


def measure_scan(folder: str | Path, num_files: int = 10_000, size: int = 64) -> dict[str, Any]:
    """Seconds of the search for studies in a folder of DICOM files, which are written first.

    Args:
        folder: folder for the files, of which each takes ``2 * size ** 2`` bytes.
        num_files: number of slices, in series of 100.
        size: number of rows and columns.

    Returns:
        Numbers of files and studies, and seconds, as plain values.
    """
    folder = Path(folder)
    voxels = np.random.default_rng(0).normal(400, 60, (size, size, SLICES)).astype(np.int16)
    for start in tqdm(range(0, num_files, SLICES), "writing", unit="series"):
        _write_series(folder / f"study{start // SLICES:05d}", voxels[..., : num_files - start])
    start_time = perf_counter()
    studies, unreadable = find_studies(folder, ["SeriesDescription"])
    seconds = perf_counter() - start_time
    count = sum(len(study.images) for study in studies)
    return {"files": count, "studies": len(studies), "unreadable": len(unreadable), "seconds": seconds}


def _write_series(folder: Path, voxels: np.ndarray) -> None:
    """Write a volume ``[x, y, z]`` as a DICOM series."""
    from pydicom.dataset import Dataset, FileMetaDataset
    from pydicom.uid import ExplicitVRLittleEndian, MRImageStorage, generate_uid

    folder.mkdir(parents=True)
    data = Dataset()
    data.file_meta = FileMetaDataset()
    data.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    data.SOPClassUID = data.file_meta.MediaStorageSOPClassUID = MRImageStorage
    data.StudyInstanceUID, data.SeriesInstanceUID, data.FrameOfReferenceUID = (generate_uid() for _ in range(3))
    data.PatientID, data.Modality, data.SeriesNumber, data.SeriesDescription = folder.name, "MR", 1, "T1"
    data.Rows, data.Columns, data.SamplesPerPixel = voxels.shape[1], voxels.shape[0], 1
    data.PhotometricInterpretation, data.PixelRepresentation = "MONOCHROME2", 1
    data.BitsAllocated, data.BitsStored, data.HighBit = 16, 16, 15
    data.PixelSpacing, data.SliceThickness, data.ImageOrientationPatient = [1, 1], 2, [1, 0, 0, 0, 1, 0]
    for number in range(voxels.shape[2]):
        data.SOPInstanceUID = data.file_meta.MediaStorageSOPInstanceUID = generate_uid()
        data.InstanceNumber, data.ImagePositionPatient = number + 1, [0, 0, 2 * number]
        data.PixelData = np.ascontiguousarray(voxels[..., number].T).tobytes()
        data.save_as(folder / f"{number:05d}.dcm", enforce_file_format=True)


def reading_table(result: Mapping[str, Any]) -> str:
    """One line per group of :func:`measure_loading`."""
    rows = []
    for row in result["rows"]:
        spread = row["time over MONAI"]
        rows.append(
            {"images": f"{row['count']} {row['images']}"}
            | {f"{name}, s": f"{found['median']:.3f}" for name, found in row["seconds"].items()}
            | {"time over MONAI": f"{spread['median']:.3f} [{spread['min']:.3f}, {spread['max']:.3f}]"}
        )
    note = f"median [min, max] of {result['settings']['rounds']} rounds; the readers take turns, image by image"
    return "\n".join([pd.DataFrame(rows).to_string(index=False), "", note])
