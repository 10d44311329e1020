"""Files of one patient's modalities, stacked to the channels of one image."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from typing import Any

import torch
from monai.config import KeysCollection
from monai.transforms import LoadImage, MapTransform

from ..errors import InputError
from .image_reader import CheckedReader

__all__ = ["LoadModalitiesd"]


class LoadModalitiesd(MapTransform):
    """MONAI's ``LoadImaged`` for a list of files of which some may be missing or of another format.

    Each file of the list is one channel, in the list's order: NIfTI, PNG, a folder with a DICOM series, or any other
    format of :class:`CheckedReader`. ``None`` in the list is a modality that the patient does not have
    (``load_datalist(missing="zeros")`` keeps it), which becomes zeros of the others' shape. A single path gives the
    channels of that file.

    Args:
        keys: row keys of the lists of files.
        select: indices of the files (or of one file's channels) to take, in this order; default: all.
        missing_key: row key of the flags, ``M`` booleans, true for each missing modality.
        allow_missing_keys: whether to skip keys that a row does not have.

    Raises:
        InputError: every file is missing, ``select`` names one that is not listed, or the files do not share a shape,
            or one has several channels.

    Example:
        >>> row = {"image": ["t1.nii.gz", None, "out.nii.gz"]}
        >>> row = LoadModalitiesd("image")(row)
        >>> row["image"].shape, row["missing"]
        (torch.Size([3, 256, 200]), tensor([False,  True, False]))
    """

    def __init__(
        self,
        keys: KeysCollection,
        select: Sequence[int] | None = None,
        missing_key: str = "missing",
        allow_missing_keys: bool = False,
    ) -> None:
        super().__init__(keys, allow_missing_keys)
        self.select = None if select is None else list(select)
        self.missing_key = missing_key
        self.loader = LoadImage(image_only=True, ensure_channel_first=True, reader=CheckedReader())

    def __call__(self, data: Mapping[Hashable, Any]) -> dict[Hashable, Any]:
        """The row with one tensor ``MHW`` or ``MHWD`` in place of each list."""
        row = dict(data)
        for key in self.key_iterator(row):
            name = f"{key} of subject {row.get('subject', 'without name')}"
            if isinstance(row[key], str):
                image = self.loader(row[key])
                row[key] = image[self._selected(len(image), name)]
                row[self.missing_key] = torch.zeros(len(row[key]), dtype=torch.bool)
            else:
                files = [row[key][index] for index in self._selected(len(row[key]), name)]
                row[key] = self._stack(files, name)
                row[self.missing_key] = torch.tensor([file is None for file in files])
        return row

    def _selected(self, count: int, name: str) -> list[int]:
        selected = list(range(count)) if self.select is None else self.select
        if not set(selected) <= set(range(count)):
            raise InputError(f"{name}: found {count} modalities, expected those of select, {selected}; correct either")
        return selected

    def _stack(self, files: list[str | None], name: str) -> torch.Tensor:
        """The files' images as channels, with the geometry of the first available one."""
        images = {file: self.loader(file) for file in files if file is not None}
        if not images:
            raise InputError(f"{name}: found no file, expected at least one of {len(files)} modalities; delete the row")
        first = next(iter(images.values()))
        for file, image in images.items():
            if image.shape != (1, *first.shape[1:]):
                raise InputError(
                    f"{name}: {file}: found shape {tuple(image.shape)}, expected one channel of shape "
                    f"{tuple(first.shape[1:])} as the first file; resample it, or store it in grey"
                )
        empty = torch.zeros_like(first)
        return torch.cat([empty if file is None else images[file] for file in files])
