"""Cost of radiomic features by PyRadiomics itself and by ``common.radiomics``, and difference of their values."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np
import pandas as pd
import SimpleITK as sitk  # noqa: N813
import yaml
from joblib.externals.loky import ProcessPoolExecutor
from scipy.ndimage import zoom
from tqdm import tqdm

from ..errors import InputError
from ..files import write_atomically
from ..images.read_volume import as_plane, read_mask, read_volume
from ..images.volume import Volume
from ..radiomics.comparison import timed_extraction, warm_up
from ..radiomics.lesion import lesion_mask
from ..radiomics.settings import RadiomicsSettings

__all__ = ["make_radiomics_phantoms", "measure_radiomics", "prepare_cases", "radiomics_table"]

VARIANTS = {
    "stock": ("stock", 1),
    "stock, 2 processes": ("stock", 2),
    "ours": ("ours", 1),
    "ours, 2 processes": ("ours", 2),
}
TEXTURE = ("firstorder", "glcm", "gldm", "glrlm", "glszm", "ngtdm")  # 93 features per filtered image
FEW, MANY = ("Original", "Wavelet"), ("Square", "SquareRoot", "Logarithm", "Exponential", "Gradient")
# Number of LoG sigmas for 11 and 17 filtered images in total; a wavelet makes 8 images in 3D and 4 in 2D.
SIGMAS = {3: {"about 1000": 2, "about 1600": 3}, 2: {"about 1000": 6, "about 1600": 7}}


def parameters_of(size: str, dimension: int) -> dict[str, Any]:
    """PyRadiomics parameters for ``"about 1000"`` or ``"about 1600"`` features per image."""
    filters = FEW if size == "about 1000" else FEW + MANY
    shape = "shape" if dimension == 3 else "shape2D"
    sigmas = [1.0, 3.0, 5.0, 2.0, 4.0, 1.5, 2.5][: SIGMAS[dimension][size]]
    return {
        "setting": {"binWidth": 25},
        "imageType": {**{name: {} for name in filters}, "LoG": {"sigma": sigmas}},
        "featureClass": {name: [] for name in (shape, *TEXTURE)},
    }


def prepare_cases(rows: Sequence[Mapping[str, Any]], folder: str | Path) -> dict[int, list[tuple[str, str]]]:
    """Copies that both engines can read: the lesion as label 1, 8 bits as 16, one slice as 2D.

    With NumPy 2, PyRadiomics' bin edges of 8-bit images overflow, so that it finds too few grey levels. The files are
    of the formats that cohorts have: PNG for planes of integers from 0 without spacing, compressed NIfTI for others.

    Args:
        rows: datalist rows with ``image`` and ``mask``.
        folder: folder for the copies.

    Returns:
        Pairs of files, by dimension.

    Raises:
        InputError: PyRadiomics is not installed, or lesions cannot be measured, all of which are listed.
    """
    settings, problems = RadiomicsSettings.load(), []
    cases: dict[int, list[tuple[str, str]]] = {}
    for number, row in enumerate(rows):
        image = read_volume(row["image"] if isinstance(row["image"], str) else row["image"][0], 0)
        mask = read_mask(row["mask"], image)
        image, mask = as_plane(image), as_plane(mask)
        try:
            mask = lesion_mask(image, mask, settings, row["mask"])
        except InputError as error:
            problems.append(str(error))
            continue
        if image.values.dtype.itemsize == 1:
            image = image.with_values(image.values.astype(np.int16))
        if picture := image.dimension == 2 and _fits_png(image):
            image = image.with_values(image.values.astype(np.uint16))
        suffix = "png" if picture else "nii.gz"
        image_file, mask_file = (str(Path(folder) / f"{number}_{name}.{suffix}") for name in ("image", "mask"))
        for file, content in ((image_file, image), (mask_file, mask)):
            sitk.WriteImage(content.to_itk(), file, useCompression=True)
        cases.setdefault(image.dimension, []).append((image_file, mask_file))
    if problems:
        raise InputError.of_rows("radiomics", problems)
    return cases


def _fits_png(image: Volume) -> bool:
    """Whether PNG keeps a plane as it is: integers from 0 of up to 16 bits, without spacing."""
    whole = image.values.dtype.kind in "iu" and image.values.min() >= 0 and image.values.max() < 2**16
    return whole and image.spacing == (1.0, 1.0)


def make_radiomics_phantoms(folder: str | Path, num_volumes: int, num_planes: int, seed: int = 0) -> list[dict]:
    """Noise of several scales with an ellipsoid: volumes like chest CT, planes like ultrasound.

    Args:
        folder: folder for the files.
        num_volumes: number of volumes of 512 x 512 x 64 voxels of 0.7 x 0.7 x 2.5 mm, int16.
        num_planes: number of planes of 256 x 256 pixels, 8 bits.
        seed: random seed for the noise and the ellipsoids.

    Returns:
        Datalist rows with ``image`` and ``mask``.
    """
    rng, rows = np.random.default_rng(seed), []
    kinds = [((64, 512, 512), (0.7, 0.7, 2.5))] * num_volumes + [((256, 256), (1.0, 1.0))] * num_planes
    for number, (shape, spacing) in enumerate(kinds):
        fine = zoom(rng.normal(size=[length // 4 for length in shape]), 4, order=1)
        coarse = zoom(rng.normal(size=[length // 16 for length in shape]), 16, order=1)
        values = 60 * fine + 120 * coarse
        values = np.clip(128 + values / 3, 0, 255).astype(np.uint8) if len(shape) == 2 else values.astype(np.int16)
        centre = [length * part for length, part in zip(shape, rng.uniform(0.35, 0.65, len(shape)), strict=True)]
        radius = rng.uniform(12, 22) * np.array([0.3, 1, 1.2])[-len(shape) :]
        grid = np.ogrid[tuple(slice(length) for length in shape)]
        inside = sum(((axis - c) / r) ** 2 for axis, c, r in zip(grid, centre, radius, strict=True)) <= 1
        row = {name: str(Path(folder) / f"phantom{number}_{name}.nrrd") for name in ("image", "mask")}
        for name, array in (("image", values), ("mask", inside.astype(np.uint8))):
            image = sitk.GetImageFromArray(array)
            image.SetSpacing(spacing)
            sitk.WriteImage(image, row[name], useCompression=True)
        rows.append(row)
    return rows


def measure_radiomics(cases: Mapping[int, Sequence[tuple[str, str]]], rounds: int = 2) -> dict[str, Any]:
    """Time and peak memory of stock and ours, in one process and in two, in turns.

    Each turn starts new processes, which import everything before the clock starts, and ends when all cases are
    complete, from the files to the features.

    Args:
        cases: files of image and mask by dimension, from :func:`prepare_cases`.
        rounds: number of turns of each variant.

    Returns:
        ``settings`` and ``rows``, one per dimension and number of features, as plain values for JSON.
    """
    rows = []
    for dimension, files in sorted(cases.items(), reverse=True):
        for size in SIGMAS[dimension]:
            parameters = str(Path(files[0][0]).parent / f"{dimension}D {size}.yaml")
            write_atomically(parameters, yaml.safe_dump(parameters_of(size, dimension)))
            turns: dict[str, list[dict[str, Any]]] = {name: [] for name in VARIANTS}
            for _ in tqdm(range(rounds), desc=f"{dimension}D, {size}", unit="round"):
                for name, (engine, processes) in VARIANTS.items():
                    turns[name].append(_turn(engine, processes, dimension, files, parameters))
            rows.append(_summary(dimension, files, turns))
    return {"settings": {"rounds": rounds}, "rows": rows}


def _turn(
    engine: str, processes: int, dimension: int, files: Sequence[tuple[str, str]], parameters: str
) -> dict[str, Any]:
    with ProcessPoolExecutor(max_workers=processes, env={"OMP_NUM_THREADS": "1"}) as pool:
        list(pool.map(warm_up, [engine] * 2 * processes, [dimension] * 2 * processes))
        start = perf_counter()
        jobs = [pool.submit(timed_extraction, engine, *pair, parameters) for pair in files]
        results = [job.result() for job in jobs]
        seconds = perf_counter() - start
    peaks = pd.DataFrame(results).groupby("process")["peak"].max()
    return {
        "seconds": seconds,
        "cpu_seconds": sum(result["cpu_seconds"] for result in results),
        "peak": int(peaks.sum()),
        "features": [result["features"] for result in results],
    }


def _summary(
    dimension: int, files: Sequence[tuple[str, str]], turns: Mapping[str, list[dict[str, Any]]]
) -> dict[str, Any]:
    """Medians of the rounds, speed relative to stock in one process, peak relative to stock in as many, difference."""
    variants: dict[str, dict[str, Any]] = {}
    for name, rounds in turns.items():
        medians = {key: float(np.median([turn[key] for turn in rounds])) for key in ("seconds", "cpu_seconds")}
        seconds = [round(turn["seconds"], 3) for turn in rounds]
        variants[name] = {**medians, "seconds_of_rounds": seconds, "peak": max(turn["peak"] for turn in rounds)}
    for name, found in variants.items():
        found["times_as_fast"] = variants["stock"]["seconds"] / found["seconds"]
        found["part_of_peak"] = found["peak"] / variants[name.replace("ours", "stock")]["peak"]
    stock, ours = (turns[name][0]["features"] for name in ("stock", "ours"))
    return {
        "dimension": dimension,
        "cases": len(files),
        "voxels": float(np.mean([np.prod(_size(image), dtype=float) for image, _ in files])),
        "features": len(stock[0]),
        "largest_relative_difference": max(map(_difference, stock, ours)),
        "variants": variants,
    }


def _size(path: str) -> tuple[int, ...]:
    reader = sitk.ImageFileReader()
    reader.SetFileName(path)
    reader.ReadImageInformation()
    return reader.GetSize()


def _difference(stock: Mapping[str, float], ours: Mapping[str, float]) -> float:
    if list(stock) != list(ours):
        return float("inf")
    expected, found = np.array(list(stock.values())), np.array(list(ours.values()))
    same = (expected == found) | (np.isnan(expected) & np.isnan(found))
    return float(np.where(same, 0, np.abs(found - expected) / np.maximum(np.abs(expected), 1e-12)).max())


def radiomics_table(result: Mapping[str, Any]) -> str:
    """One line per variant of :func:`measure_radiomics`; seconds for all cases, peak in GB (1e9 bytes)."""
    lines = []
    for row in result["rows"]:
        table = pd.DataFrame(
            {
                "variant": name,
                "s": f"{found['seconds']:.2f}",
                "CPU s": f"{found['cpu_seconds']:.2f}",
                "times as fast": f"{found['times_as_fast']:.1f}",
                "peak": f"{found['peak'] / 1e9:.2f}",
                "part of stock's": f"{found['part_of_peak']:.2f}",
            }
            for name, found in row["variants"].items()
        )
        lines += [
            f"{row['cases']} cases in {row['dimension']}D of {row['voxels']:.3g} voxels, {row['features']} features, "
            f"largest relative difference {row['largest_relative_difference']:.1e}",
            table.to_string(index=False),
            "",
        ]
    rounds = result["settings"]["rounds"]
    note = (
        f"medians of {rounds} rounds; times as fast as stock in one process; GB of all processes, including libraries"
    )
    return "\n".join([*lines, note])
