"""Traditional radiomic features as a step of a MONAI pipeline."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from monai.data import MetaTensor, affine_to_spacing
from monai.transforms import Transform
from monai.utils import ImageMetaKey

from ..errors import InputError
from ..images.read_volume import on_grid_of
from ..images.volume import Volume

__all__ = ["RadiomicsFeaturesd"]

MILLIMETRES = {1: 1e3, 3: 1e-3}  # by NIfTI's codes of metres and micrometres


class RadiomicsFeaturesd(Transform):
    """Add the radiomic features of a loaded image's lesion, for a network that takes them as further input.

    Put it before transforms that change the image or the grid: features depend on the scanner's units and voxels. Load
    with ``dtype=None``, so that integers stay integers: PyRadiomics rounds resampled values to the image's type. For a
    whole cohort, ``scripts/extract_radiomics.py`` extracts them once, on all cores, with a cache.

    Args:
        image_key: row key of the image, ``CHW`` or ``CHWD``, as ``LoadImaged`` and ``EnsureChannelFirstd`` give it.
        mask_key: row key of the label map, one channel on the same grid.
        output_key: row key of the features.
        settings: PyRadiomics parameters, see :meth:`common.radiomics.RadiomicsSettings.load`.
        mask_label: mask label of the lesion; by default all labels above 0 together.
        channel: index of the image's channel.
        scaling: file of a :class:`common.radiomics.scaling.FittedScaling`, saved beside the weights, to select, scale
            and impute features. By default they are the extracted values, with NaN if undefined.

    Returns:
        The row with ``output_key``: float32, shape ``[features]``.

    Raises:
        InputError: PyRadiomics is not installed, settings or scaling are invalid, or the lesion has no valid features.

    Example:
        >>> compose = Compose([LoadImaged(["image", "mask"], dtype=None), EnsureChannelFirstd(["image", "mask"]),
        ...                    RadiomicsFeaturesd(settings="parameters.yaml", scaling="models/scaling.json")])
    """

    def __init__(
        self,
        image_key: str = "image",
        mask_key: str = "mask",
        output_key: str = "radiomics",
        settings: str | Path | Mapping[str, Any] | None = None,
        mask_label: int | None = None,
        channel: int = 0,
        scaling: str | Path | None = None,
    ) -> None:
        # Here, because most pipelines need neither PyRadiomics nor scikit-learn.
        from ..radiomics import RadiomicsSettings

        self.image_key = image_key
        self.mask_key = mask_key
        self.output_key = output_key
        self.settings = RadiomicsSettings.load(settings, mask_label=mask_label)
        self.channel = channel
        self.scaling = None
        if scaling is not None:
            from ..radiomics.scaling import FittedScaling

            self.scaling = FittedScaling.load(scaling)

    def __call__(self, data: Mapping[Hashable, Any]) -> dict[Hashable, Any]:
        """The row with its features."""
        from ..radiomics import extract_features

        row = dict(data)
        image, mask = row[self.image_key], row[self.mask_key]
        if self.channel >= image.shape[0]:
            raise InputError(f"{self.image_key}: {image.shape[0]} channels; expected one with index {self.channel}")
        resamples = self.settings.resamples
        volumes = _volume(image, self.channel, resamples), _volume(mask, 0, resamples)
        features = extract_features(*volumes, self.settings)
        values = np.array(list(features.values()))
        if self.scaling is not None:
            import pandas as pd

            values = self.scaling.transform(pd.DataFrame([features]))[0]
        row[self.output_key] = torch.from_numpy(values.astype(np.float32))
        return row


def _volume(image: torch.Tensor | np.ndarray, channel: int, resamples: bool) -> Volume:
    """One channel with its geometry, to the last digit that of its file, if it is still there.

    The last digits decide which of two equally distant voxels resampling takes, and LoG magnifies those of the spacing.
    """
    array = np.asarray(image[channel].cpu() if isinstance(image, torch.Tensor) else image[channel])
    values = np.ascontiguousarray(array.T)
    if not isinstance(image, MetaTensor):
        return Volume.of_array(values)
    nibabel = "pixdim" in image.meta  # whose affine has the file's unit; MONAI's ITK reader has applied it
    unit = int(image.meta.get("xyzt_units", 0)) & 7 if nibabel else 0  # Analyze has none
    millimetres = MILLIMETRES.get(unit, 1.0)
    spacing = [float(step) * millimetres for step in affine_to_spacing(image.affine, r=array.ndim)]
    if array.ndim == 2:
        return Volume.of_array(values, spacing)
    to_lps = np.diag([-millimetres, -millimetres, millimetres, 1.0]) @ np.asarray(image.affine, dtype=np.float64)
    volume = Volume(values, tuple(spacing), tuple(to_lps[:3, 3].tolist()), to_lps[:3, :3] / spacing)
    path = image.meta.get(ImageMetaKey.FILENAME_OR_OBJ)
    return on_grid_of(volume, str(path), resamples) if path else volume
