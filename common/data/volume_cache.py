"""Preprocessed volumes on disk, so that memory does not grow with the cohort."""

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

CACHE_VERSION = 1  # increase it when the stored content changes
FILE_KEYS = ("image", "mask", "label")  # keys whose text is a path
RUN_KEYS = ("index", "row", "fold", "subject_index")  # properties of a run, not of the image: never stored


def cached_dataset(
    data: Sequence[Mapping[str, Any]],
    transform: Callable,
    cache: str = "memory",
    cache_dir: str | os.PathLike | None = None,
    cache_rate: float = 1.0,
    progress: bool = True,
) -> Dataset:
    """A dataset whose deterministic preprocessing runs once.

    Args:
        data: datalist rows.
        transform: a ``Compose``; the transforms before its first random one run once. End that part with
            ``EnsureTyped(dtype=torch.uint8)`` or ``float16`` to store a quarter or half of float32.
        cache: "memory" keeps the results in this process (MONAI's ``CacheDataset``), which is fastest but grows with
            the cohort; "disk" stores them as files (:class:`DiskCacheDataset`); "none" repeats the work each time.
        cache_dir: folder of the files for "disk".
        cache_rate: fraction of the cohort to cache in memory.
        progress: whether to show a progress bar while filling the memory.

    Raises:
        InputError: ``cache`` is unknown, or "disk" without a folder.
    """
    if cache == "memory":
        # one thread, as MONAI 1.6.1's NIfTI reader confuses files when threads share it
        return CacheDataset(data, transform, cache_rate=cache_rate, num_workers=1, progress=progress)
    if cache == "disk":
        if not cache_dir:
            raise InputError("cache_dir: found none, expected a folder for cache 'disk'; set --cache_dir")
        return DiskCacheDataset(data, transform, cache_dir)
    if cache != "none":
        raise InputError(f"cache: found {cache!r}, expected 'memory', 'disk' or 'none'; set --cache")
    return Dataset(data, transform)


class DiskCacheDataset(PersistentDataset):
    """MONAI's ``PersistentDataset`` with files that are named by content, written atomically, and contain no pickles.

    In 1.6.1 the original writes pickles and names them by paths and all keys of the row, so that another fold repeats
    all the work, and a changed file under the same path is not noticed. It moves them from the temporary folder: if
    that is on another file system, a run that is killed leaves an incomplete file, on which the next one fails.

    Here a file is named by the hash of the contents of the row's files, the other keys of the row, and all settings of
    the deterministic transforms. It is an ``.npz`` without pickles, written under a temporary name and renamed; any
    number of processes and runs may share the folder, and a damaged file is computed again. ``index``, ``row``,
    ``fold`` and ``subject_index`` always come from the row. Nothing is kept in memory.

    Args:
        data: datalist rows; ``image``, ``mask``, and ``label`` if it is text, are paths.
        transform: a ``Compose``; results of the transforms before its first random one are stored.
        cache_dir: folder of the files, which can be deleted at any time.

    Raises:
        InputError: the settings of a transform cannot be read, or a result is neither array nor plain value.
    """

    def __init__(self, data: Sequence[Mapping[str, Any]], transform: Callable, cache_dir: str | os.PathLike) -> None:
        super().__init__(data, transform, cache_dir)
        self._digests = FileDigests(self.cache_dir / "digests")
        lazy = [self.transform.lazy, self.transform.overrides]
        self._settings = fingerprint(CACHE_VERSION, monai.__version__, lazy, *self._deterministic())
        self._names: dict[int, str] = {}  # file names by index of the row

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
            item = _unpacked(io.BytesIO(content))  # the same as next time
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
        """Replace the rows; as files are named by content, none of them becomes outdated."""
        self.data = data
        self._names = {}


def _is_random(transform: Any) -> bool:
    """Whether ``PersistentDataset`` repeats a transform each time."""
    return isinstance(transform, monai.transforms.RandomizableTrait) or not isinstance(
        transform, monai.transforms.Transform
    )


def _packed(item: Mapping[str, Any], path: Path) -> bytes:
    """Arrays, and plain values as JSON, in one ``.npz``; for keys of a run, only their presence is stored."""
    arrays = {key: value for key, value in item.items() if isinstance(value, torch.Tensor | np.ndarray)}
    plain = {key: None if key in RUN_KEYS else value for key, value in item.items() if key not in arrays}
    try:
        text = json.dumps(plain)
        stored: dict[str, Any] = {
            f"array_{key}": np.asarray(torch.as_tensor(value).cpu()) for key, value in arrays.items()
        }
    except TypeError as error:
        raise InputError(
            f"{path.parent}: found a result of preprocessing that cannot be stored ({error}), expected arrays of "
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
    """The stored item, or ``None`` if there is none or it is damaged, as by a full disk."""
    try:
        return _unpacked(path)
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile) as error:
        logger.warning("%s: damaged (%s); computed again", path, error)
        return None
