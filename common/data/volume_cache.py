"""Preprocessed volumes on disk, so that memory stays the same however large the cohort is."""

from __future__ import annotations

import hashlib
import io
import json
import logging
import os
import zipfile
from collections.abc import Callable, Mapping, Sequence
from copy import deepcopy
from pathlib import Path
from typing import Any

import monai
import numpy as np
import torch
from monai.data import CacheDataset, Dataset, PersistentDataset

from ..errors import InputError
from ..files import write_atomically
from .file_digests import FileDigests
from .fingerprint import fingerprint

__all__ = ["DiskCacheDataset", "cached_dataset"]

logger = logging.getLogger(__name__)

CACHE_VERSION = 1  # raise it when what is stored changes
FILE_KEYS = ("image", "mask", "label")  # whose text is a path
RUN_KEYS = ("index", "row", "fold", "subject_index")  # of a run, not of the image: never stored


def cached_dataset(
    data: Sequence[Mapping[str, Any]],
    transform: Callable,
    cache: str = "memory",
    cache_dir: str | os.PathLike | None = None,
    cache_rate: float = 1.0,
    progress: bool = True,
) -> Dataset:
    """A cohort whose deterministic preprocessing is done once.

    Args:
        data: a datalist's rows.
        transform: a ``Compose``; what comes before its first random transform is done once. End that part with
            ``EnsureTyped(dtype=torch.uint8)`` or ``float16`` to store a quarter or half of float32.
        cache: "memory" keeps the results in this process (MONAI's ``CacheDataset``), which is fastest and grows with
            the cohort; "disk" keeps them as files (:class:`DiskCacheDataset`); "none" does the work each time.
        cache_dir: folder of the files, for "disk".
        cache_rate: share of the cohort kept in memory.
        progress: show a bar while filling the memory.

    Raises:
        InputError: for an unknown ``cache``, or "disk" without a folder.
    """
    if cache == "memory":
        # one thread: MONAI 1.6.1's NIfTI reader mixes up files when threads share it
        return CacheDataset(data, transform, cache_rate=cache_rate, num_workers=1, progress=progress)
    if cache == "disk":
        if not cache_dir:
            raise InputError("cache_dir: found none, expected a folder for cache 'disk'; set --cache_dir")
        return DiskCacheDataset(data, transform, cache_dir)
    if cache != "none":
        raise InputError(f"cache: found {cache!r}, expected 'memory', 'disk' or 'none'; set --cache")
    return Dataset(data, transform)


class DiskCacheDataset(PersistentDataset):
    """MONAI's ``PersistentDataset`` with files that are named by content, never half-written, and hold no pickle.

    In 1.6.1 the original writes pickles, names them by paths and all keys of the row (a fold more, and all is computed
    again; another file under the same path, and the old one is taken), and moves them from the temporary folder: where
    that is another file system, a run that is killed leaves half a file, on which the next one stops.

    Here a file is named by the hash of the bytes of the row's files, the row's other keys, and all settings of the
    deterministic transforms. It is an ``.npz`` without pickles, written under a temporary name and renamed; any number
    of processes and runs may share the folder, and a damaged file is computed again. ``index``, ``row``,
    ``fold`` and ``subject_index`` always come from the row. Nothing is kept in memory.

    Args:
        data: a datalist's rows; ``image``, ``mask``, and ``label`` where it is text, are paths.
        transform: a ``Compose``; what comes before its first random transform is stored.
        cache_dir: the folder; delete it to free the disk.

    Raises:
        InputError: when the settings of a transform can't be read, or a result is neither array nor plain value.
    """

    def __init__(self, data: Sequence[Mapping[str, Any]], transform: Callable, cache_dir: str | os.PathLike) -> None:
        super().__init__(data, transform, cache_dir)
        self._digests = FileDigests(self.cache_dir / "digests")
        lazy = [self.transform.lazy, self.transform.overrides]
        self._settings = fingerprint(CACHE_VERSION, monai.__version__, lazy, *self._deterministic())
        self._names: dict[int, str] = {}  # of rows met already

    def _deterministic(self) -> list[Any]:
        transforms = self.transform.flatten().transforms
        end = self.transform.flatten().get_index_of_first(_is_random)
        return list(transforms[:end])

    def _transform(self, index: int) -> Any:
        row = self.data[index]
        if index not in self._names:
            self._names[index] = self._name(row)
        path = self.cache_dir / f"{self._names[index]}.npz"
        item = _read(path)
        if item is None:
            content = _packed(self._pre_transform(deepcopy(dict(row))), path)
            write_atomically(path, content)
            item = _unpacked(io.BytesIO(content))  # as it will be next time
        return self._post_transform({key: row[key] if key in RUN_KEYS else value for key, value in item.items()})

    def _name(self, row: Mapping[str, Any]) -> str:
        def digest(value: Any) -> Any:
            if isinstance(value, str):
                return ["file", self._digests(value)]
            return [digest(item) for item in value] if isinstance(value, list) else value

        content = {key: digest(row[key]) if key in FILE_KEYS else row[key] for key in row if key not in RUN_KEYS}
        text = json.dumps([self._settings, content], sort_keys=True, default=str)
        return hashlib.blake2b(text.encode(), digest_size=20).hexdigest()

    def set_data(self, data: Sequence[Mapping[str, Any]]) -> None:
        """Take other rows; files are named by content, so that none of them is out of date."""
        self.data = data
        self._names = {}


def _is_random(transform: Any) -> bool:
    """Where ``PersistentDataset`` begins to compute each time."""
    return isinstance(transform, monai.transforms.RandomizableTrait) or not isinstance(
        transform, monai.transforms.Transform
    )


def _packed(item: Mapping[str, Any], path: Path) -> bytes:
    """Arrays as they are and plain values as JSON, in one ``.npz``; of a run's own keys only that they are there."""
    arrays = {key: value for key, value in item.items() if isinstance(value, torch.Tensor | np.ndarray)}
    plain = {key: None if key in RUN_KEYS else value for key, value in item.items() if key not in arrays}
    try:
        text = json.dumps(plain)
        stored = {f"array_{key}": np.asarray(torch.as_tensor(value).cpu()) for key, value in arrays.items()}
    except TypeError as error:
        raise InputError(
            f"{path.parent}: found a result of preprocessing that can't be stored ({error}), expected arrays of "
            "integers, float16 or float32, and plain values; drop it by SelectItemsd, or set EnsureTyped's dtype"
        ) from error
    buffer = io.BytesIO()
    np.savez(buffer, plain=np.frombuffer(text.encode(), dtype=np.uint8), **stored)
    return buffer.getvalue()


def _unpacked(file: io.BytesIO | Path) -> dict[str, Any]:
    with np.load(file, allow_pickle=False) as stored:
        item = json.loads(stored["plain"].tobytes())
        arrays = {name.removeprefix("array_"): torch.from_numpy(stored[name]) for name in stored if name != "plain"}
    return item | arrays


def _read(path: Path) -> dict[str, Any] | None:
    """What is stored, or ``None``: nothing is, or it is damaged, as by a full disk."""
    try:
        return _unpacked(path)
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile) as error:
        logger.warning("%s: damaged (%s); computed again", path, error)
        return None
