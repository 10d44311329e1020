"""Reading and writing of NIfTI-1 and NIfTI-2 files: geometry and intensities."""

from __future__ import annotations

import io
import os
import zlib
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from .stored_image import StoredImage, UnreadableImageError, check_right_angles, grey_of_colours

if TYPE_CHECKING:
    import nibabel as nib

__all__ = ["NIFTI_SUFFIXES", "read_nifti", "read_nifti_header", "write_nifti"]

NIFTI_SUFFIXES = (".nii", ".nii.gz")
HEADER_BYTES = 540  # NIfTI-2, the longer of the two
SURPLUS_BYTES = 4096  # allowed after the voxels
MAX_SHIFT = 0.1  # voxels; headers are rounded
MILLIMETRES = {"meter": 1e3, "mm": 1.0, "micron": 1e-3, "unknown": 1.0}
COLOURS = ("RGB", "RGBA")


def read_nifti(path: Path) -> StoredImage:
    """Read a NIfTI file according to its name: ``.nii`` uncompressed, ``.nii.gz`` compressed, in upper or lower case.

    - The geometry is the sform, else the qform, else the voxel sizes alone, in millimetres whatever the unit of the
      header. If sform and qform place a corner of the volume more than a tenth of a voxel apart, or the voxel sizes
      of the sform differ from ``pixdim``, readers would disagree, and the file is refused. So is a sheared sform,
      unless there is a qform. As for ITK, the spacing is ``pixdim`` to the last digit.
    - Intensities are scaled by ``scl_slope`` and ``scl_inter``, unless the slope is 0 or not finite. Results that are
      integers up to rounding, such as 255 times 1/255, are rounded to integers.
    - Four axes are three spatial axes and channels. Colour images (RGB24) with equal channels are read as grey.
    - No more bytes are decompressed than the header declares.

    Args:
        path: NIfTI file.

    Raises:
        UnreadableImageError: the file is truncated, longer than its header declares, has unsupported axes or types,
            or an ambiguous geometry.
    """
    packed = path.name.lower().endswith(".gz")
    with path.open("rb") as file:
        start = file.read(2)
        file.seek(0)
        _check_packing(start, packed)
        content = file.read() if packed else b""
        header = _header(_unpacked(content, HEADER_BYTES)[0] if packed else file.read(HEADER_BYTES))
        shape, dtype, offset = header.get_data_shape(), header.get_data_dtype(), int(header.get_data_offset())
        count = int(np.prod(shape, dtype=object))
        size = offset + count * dtype.itemsize
        if size > os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"):
            raise UnreadableImageError(f"found an image too large for this machine's memory, {shape} of {dtype}")
        if packed:
            content, whole = _unpacked(content, size + SURPLUS_BYTES + 1)
            surplus = len(content) > size + SURPLUS_BYTES
        else:
            whole, surplus = True, path.stat().st_size > size + SURPLUS_BYTES
        if surplus:
            raise UnreadableImageError(f"found more than the {size} bytes that the header declares, expected no more")
        if not whole or (len(content) if packed else path.stat().st_size) < size:
            raise UnreadableImageError("found a truncated file, expected a complete one")
        if packed:
            voxels = np.frombuffer(content, dtype, count, offset)
        else:
            file.seek(offset)
            voxels = np.fromfile(file, dtype, count)
    return replace(_described(header), voxels=_intensities(voxels.reshape(shape, order="F"), header))


def read_nifti_header(path: Path) -> StoredImage:
    """Like :func:`read_nifti` without reading voxels: those of the result are 0 and take no memory."""
    packed = path.name.lower().endswith(".gz")
    with path.open("rb") as file:
        start = file.read(1 << 14)
    _check_packing(start, packed)
    return _described(_header(_unpacked(start, HEADER_BYTES)[0] if packed else start[:HEADER_BYTES]))


def write_nifti(
    path: str | os.PathLike, voxels: np.ndarray, affine: np.ndarray, spacing: Sequence[float] | None = None
) -> Path:
    """Write an image under a temporary name in the same folder, created if missing, and rename it.

    Integers in range are stored as int16, as by scanners, all other values as float32.

    Args:
        path: path of the ``.nii`` or ``.nii.gz`` file.
        voxels: image with two or three axes, or with three axes and channels.
        affine: 4x4 matrix from voxel indices to RAS millimetres; with two axes, its third column is the slice normal.
        spacing: ``pixdim``, where it is known to more digits than the affine's columns have.

    Returns:
        The path written.
    """
    import nibabel as nib

    path = Path(path)
    whole = bool((voxels == np.rint(voxels)).all()) and np.abs(voxels).max() < 2**15
    image = nib.Nifti1Image(voxels.astype(np.int16 if whole else np.float32), affine)
    image.set_qform(affine, code=1)
    image.set_sform(affine, code=1)
    image.header.set_xyzt_units("mm")
    if spacing is not None:
        image.header["pixdim"][1 : 1 + len(spacing)] = spacing
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f".partial-{path.name}")
    try:
        nib.save(image, partial)
        os.replace(partial, path)
    finally:
        partial.unlink(missing_ok=True)
    return path


def _check_packing(start: bytes, packed: bool) -> None:
    if (start[:2] == b"\x1f\x8b") != packed:
        found, expected = ("a plain file", "gzip (.nii.gz)") if packed else ("gzip", "a plain file (.nii)")
        raise UnreadableImageError(f"found {found}, expected {expected} according to its name; rename it")


def _unpacked(packed: bytes, limit: int) -> tuple[bytes, bool]:
    """At most ``limit`` decompressed bytes of gzip data, and whether these are all, with a correct checksum."""
    parts, size, rest, whole = [], 0, packed, False
    while size < limit and rest[:2] == b"\x1f\x8b":  # a file may be several gzip streams in a row
        stream = zlib.decompressobj(wbits=31)
        parts.append(stream.decompress(rest, limit - size))
        size, rest, whole = size + len(parts[-1]), stream.unused_data, stream.eof
    return parts[0] if len(parts) == 1 else b"".join(parts), whole


def _header(start: bytes) -> nib.Nifti1Header:
    import nibabel as nib

    sizes = {int.from_bytes(start[:4], order) for order in ("little", "big")}
    kind = nib.Nifti2Header if 540 in sizes else nib.Nifti1Header
    length = 540 if 540 in sizes else 348
    if len(start) < length:
        raise UnreadableImageError("found a truncated file, expected a complete one")
    if not sizes & {348, 540}:
        raise UnreadableImageError("found no NIfTI header, expected a NIfTI volume")
    header = kind.from_fileobj(io.BytesIO(start[:length]), check=False)
    if not bytes(header["magic"]).startswith(b"n+"):
        raise UnreadableImageError("found a header without its voxels (Analyze or a pair), expected one NIfTI file")
    return header


def _described(header: nib.Nifti1Header) -> StoredImage:
    """Image with the shape and geometry of a header, checked; its voxels are 0."""
    shape, dtype = header.get_data_shape(), header.get_data_dtype()
    coloured = dtype.names is not None and "".join(dtype.names) in COLOURS
    if dtype.kind not in "biuf" and not coloured:
        raise UnreadableImageError(f"found voxels of type {dtype}, expected integers or floats")
    if len(shape) not in (2, 3, 4) or min(shape, default=0) < 1:
        raise UnreadableImageError(f"found {len(shape)} axes {shape}, expected 2 or 3 in space and one of channels")
    placeholder = np.broadcast_to(np.zeros((), np.uint8), shape)
    return StoredImage(placeholder, min(len(shape), 3), *_geometry(header, shape))


def _geometry(header: nib.Nifti1Header, shape: tuple[int, ...]) -> tuple[np.ndarray, tuple[float, ...] | None]:
    """Affine, and spacing if it is stated."""
    import nibabel as nib

    with np.errstate(all="ignore"):
        try:
            affine = np.asarray(header.get_best_affine(), dtype=float)
            other = header.get_qform() if header["sform_code"] > 0 and header["qform_code"] > 0 else affine
        except (ValueError, nib.spatialimages.HeaderDataError) as error:
            raise UnreadableImageError(f"found a header with an impossible rotation ({error})") from error
        if not np.isfinite(affine).all() or abs(np.linalg.det(affine[:3, :3])) < 1e-12:
            text = "found a header whose affine has no inverse, expected voxel sizes and orientation"
            raise UnreadableImageError(text)
        sizes = np.linalg.norm(affine[:3, :3], axis=0)
        zooms = np.asarray(header.get_zooms()[:3], dtype=float)
    corners = np.stack(np.meshgrid(*[(0, n - 1) for n in (*shape, 1)[:3]], indexing="ij"), axis=-1).reshape(-1, 3)
    apart = corners @ (affine - other)[:3, :3].T + (affine - other)[:3, 3]
    shift = np.linalg.norm(apart, axis=1).max() / sizes.min()
    if not shift <= MAX_SHIFT:
        raise UnreadableImageError(
            f"found a sform and a qform up to {shift:.2g} voxels apart, expected the same place; set both to the right "
            "one (nibabel: set_sform, set_qform)"
        )
    try:
        check_right_angles(affine[:3, :3])
    except UnreadableImageError:
        if other is affine:
            raise
        affine = np.asarray(other, dtype=float)  # as ITK does
    stated = bool((zooms > 0).all())
    if stated and (np.abs(sizes[: len(zooms)] / zooms - 1) > 0.01).any():
        found, expected = (" x ".join(f"{v:.4g}" for v in values) for values in (sizes[: len(zooms)], zooms))
        raise UnreadableImageError(
            f"found a sform with voxels of {found} mm, expected {expected} as in pixdim; set both to the right size"
        )
    millimetres = MILLIMETRES[header.get_xyzt_units()[0]]
    affine[:3] *= millimetres
    return affine, tuple((zooms * millimetres).tolist()) if stated else None


def _intensities(voxels: np.ndarray, header: nib.Nifti1Header) -> np.ndarray:
    if voxels.dtype.names:
        return grey_of_colours(np.stack([voxels[name] for name in voxels.dtype.names[:3]], axis=-1))
    slope, inter = header.get_slope_inter()
    if slope is None or (slope, inter) == (1, 0):
        return voxels if voxels.dtype.isnative else voxels.astype(voxels.dtype.newbyteorder("="))
    scaled = np.multiply(voxels, slope, dtype=np.float64) + inter
    whole = np.rint(scaled)
    if voxels.dtype.kind in "iu" and np.abs(scaled - whole).max() < 1e-5:
        scaled = whole
    return scaled.astype(np.float64 if voxels.dtype == np.float64 else np.float32)  # as ITK
