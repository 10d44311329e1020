"""Preprocessed images on disk, so that all runs share them and memory does not grow with the cohort."""

from __future__ import annotations

import io
import logging
import os
from collections.abc import Callable, Mapping, Sequence
from copy import deepcopy
from pathlib import Path
from typing import Any

import monai
from monai.data import CacheDataset, Dataset, PersistentDataset
from monai.transforms import SelectItemsd

from ..errors import InputError
from ..files import check_folder, folder_problem, write_atomically
from .file_digests import FileDigests
from .fingerprint import fingerprint
from .stored_items import pack_item, read_item, unpack_item

__all__ = ["DiskCacheDataset", "SharedCacheDataset", "cached_dataset"]

logger = logging.getLogger(__name__)

CACHES = ("memory", "disk", "both", "none")
CACHE_VERSION = 3  # increase it when the stored content changes
FILE_KEYS = ("image", "mask", "label")  # keys whose text is a path
#: Properties of a run, not of the image: never stored. Radiomics are on the scale of a run's training subjects.
RUN_KEYS = frozenset(("index", "row", "fold", "subject_index", "radiomics"))
#: Values of a row, and which of its files are missing: stored whether a stage selects them or not, so that stages share
#: files.
ROW_KEYS = frozenset(("label", "subject", "session", "age", "missing"))


def cached_dataset(
    data: Sequence[Mapping[str, Any]],
    transform: Callable,
    cache: str = "memory",
    cache_dir: str | os.PathLike | None = None,
    cache_rate: float = 1.0,
    progress: bool = True,
    read_once: bool = False,
) -> Dataset:
    """A dataset whose deterministic preprocessing runs once.

    Args:
        data: datalist rows.
        transform: a ``Compose``; the transforms before its first random one run once. End that part with
            ``EnsureTyped(dtype=torch.uint8)`` or ``float16`` to store a quarter or half of float32.
        cache: "memory" keeps the results in this process (MONAI's ``CacheDataset``), which is fastest but grows with
            the cohort; "disk" stores them as files (:class:`DiskCacheDataset`); "both" maps such files into memory
            (:class:`SharedCacheDataset`), which other runs find, too; "none" repeats the work each time.
        cache_dir: folder of the files for "disk" and "both".
        cache_rate: fraction of the cohort to cache in memory.
        progress: whether to show a progress bar while filling the memory.
        read_once: whether each image is read only once, as in an evaluation, so that nothing is kept in memory.

    Raises:
        InputError: ``cache`` is unknown, "disk" or "both" have no folder, or the folder for "disk" cannot be written.
    """
    if cache not in CACHES:
        raise InputError(f"cache: found {cache!r}, expected one of {', '.join(CACHES)}; set --cache")
    if cache in ("both", "disk") and not cache_dir:
        raise InputError(f"cache_dir: found none, expected a folder for cache {cache!r}; set --cache_dir")
    if cache == "disk":
        check_folder(cache_dir or "", "cache_dir")
    if cache == "both" and (problem := folder_problem(cache_dir or "")):
        logger.warning("preprocessed images are not shared with other runs: %s", problem)
        cache = "memory"
    if cache == "none" or (cache == "memory" and read_once):
        return Dataset(data, transform)
    if cache == "memory":
        # one thread, as MONAI 1.6.1's NIfTI reader confuses files when threads share it
        return CacheDataset(data, transform, cache_rate=cache_rate, num_workers=1, progress=progress)
    if cache == "disk" or read_once:
        return DiskCacheDataset(data, transform, cache_dir or "", optional=cache == "both")
    return SharedCacheDataset(data, transform, cache_dir or "", cache_rate, progress)


class DiskCacheDataset(PersistentDataset):
    """MONAI's ``PersistentDataset`` with files that are named by content, written atomically, and contain no pickles.

    In 1.6.1 the original writes pickles and names them by paths and all keys of the row, so that another fold repeats
    all the work, and a changed file under the same path is not noticed. It moves them from the temporary folder: if
    that is on another file system, a run that is killed leaves an incomplete file, on which the next one fails.

    Here a file is named by the hash of the contents of the row's files, the other keys of the row, and all settings of
    the deterministic transforms. It is an ``.npz`` without pickles, written under a temporary name and renamed; any
    number of processes and runs may share the folder, and a damaged file is computed again. Values of
    :data:`RUN_KEYS` always come from the row. Where the deterministic part ends with ``SelectItemsd``, the file is the
    same whichever of :data:`RUN_KEYS` and :data:`ROW_KEYS` it selects, so that stages with the same preprocessing share
    it. Nothing is kept in memory.

    Args:
        data: datalist rows; ``image``, ``mask``, and ``label`` if it is text, are paths.
        transform: a ``Compose``; results of the transforms before its first random one are stored.
        cache_dir: folder of the files, which can be deleted at any time.
        optional: whether to go on with a warning where a file cannot be written, as on a full disk.

    Raises:
        InputError: the settings of a transform cannot be read, or a result is neither array nor plain value.
    """

    def __init__(
        self,
        data: Sequence[Mapping[str, Any]],
        transform: Callable,
        cache_dir: str | os.PathLike,
        optional: bool = False,
    ) -> None:
        super().__init__(data, transform, cache_dir)
        self._optional = optional
        self._digests = FileDigests(self.cache_dir / "digests")
        self._names: dict[int, str] = {}  # file names by index of the row
        stored = list(self.transform.transforms[: self.transform.get_index_of_first(_is_random)])
        self._select = stored.pop() if stored and isinstance(stored[-1], SelectItemsd) else None
        self._end = len(stored)
        selected = None if self._select is None else sorted({*self._select.keys} - RUN_KEYS - ROW_KEYS)
        lazy = [self.transform.lazy, self.transform.overrides]
        self._settings = fingerprint(CACHE_VERSION, monai.__version__, lazy, selected, *stored)

    def stored(self, index: int, mapped: bool = False) -> dict[str, Any]:
        """A row after the deterministic transforms, from its file, which is written the first time.

        Args:
            index: place of the row in ``data``.
            mapped: whether arrays are pages of the file, see :func:`~common.data.stored_items.read_item`.

        Returns:
            The keys that the transforms leave; those of :data:`RUN_KEYS` have the values of the row.

        Raises:
            InputError: a result is neither array nor plain value.
            OSError: a file of the row cannot be read, or, unless ``optional``, the result not be written.
        """
        row = self.data[index]
        if index not in self._names:
            self._names[index] = self._name(row)
        path = self.cache_dir / f"{self._names[index]}.npz"
        item = read_item(path, mapped)
        if item is None:
            content = pack_item(self._preprocessed(row), path)
            written = self._write(path, content)
            item = read_item(path, mapped) if written else None
            item = item or unpack_item(io.BytesIO(content))  # the same as next time
        item |= {key: row[key] for key in RUN_KEYS & (item.keys() if self._select is None else row.keys())}
        return item if self._select is None else self._select(item)

    def _transform(self, index: int) -> Any:
        return self._post_transform(self.stored(index))

    def _write(self, path: Path, content: bytes) -> bool:
        """Write a file, and report whether it could be written."""
        try:
            write_atomically(path, content)
        except OSError as error:
            if not self._optional:
                raise
            logger.warning("%s: not kept for other runs (%s)", path, error.strerror)
            return False
        return True

    def _preprocessed(self, row: Mapping[str, Any]) -> dict[str, Any]:
        """The selected and :data:`ROW_KEYS`, without :data:`RUN_KEYS`; or, where nothing selects, all keys,
        with None for those of a run."""
        item = self.transform(deepcopy(dict(row)), end=self._end, threading=True)
        if self._select is None:
            return {key: None if key in RUN_KEYS else value for key, value in item.items()}
        kept = ({*self._select.keys} | ROW_KEYS) - RUN_KEYS
        return {key: value for key, value in item.items() if key in kept}

    def _name(self, row: Mapping[str, Any]) -> str:
        def digest(value: Any) -> Any:
            """The content of a file in place of its path."""
            if isinstance(value, str):
                return ["file", self._digests(value)]
            return [digest(item) for item in value] if isinstance(value, list) else value

        content = {key: digest(row[key]) if key in FILE_KEYS else row[key] for key in row if key not in RUN_KEYS}
        return fingerprint(self._settings, content)

    def set_data(self, data: Sequence[Mapping[str, Any]]) -> None:
        """Replace the rows; as files are named by content, none of them becomes outdated."""
        self.data = data
        self._names = {}


class SharedCacheDataset(CacheDataset):
    """MONAI's ``CacheDataset`` over mapped files of a :class:`DiskCacheDataset`, which other runs share.

    Args:
        data: datalist rows, as of :class:`DiskCacheDataset`, whose errors apply.
        transform: a ``Compose``.
        cache_dir: folder of the files, which can be deleted at any time.
        cache_rate: fraction of the cohort to cache in memory; the rest is read from its files each time.
        progress: whether to show a progress bar while filling the memory.
    """

    def __init__(
        self,
        data: Sequence[Mapping[str, Any]],
        transform: Callable,
        cache_dir: str | os.PathLike,
        cache_rate: float = 1.0,
        progress: bool = True,
    ) -> None:
        self._files = DiskCacheDataset(data, transform, cache_dir, optional=True)
        super().__init__(data, transform, cache_rate=cache_rate, num_workers=1, progress=progress)

    def set_data(self, data: Sequence[Mapping[str, Any]]) -> None:
        """Replace the rows and fill the memory anew."""
        self._files.set_data(data)
        super().set_data(data)

    def _load_cache_item(self, idx: int) -> dict[str, Any]:
        return self._files.stored(idx, mapped=True)

    def _transform(self, index: int) -> Any:
        return super()._transform(index) if index % len(self) < self.cache_num else self._files[index]


def _is_random(transform: Any) -> bool:
    """Whether ``PersistentDataset`` repeats a transform each time."""
    return isinstance(transform, monai.transforms.RandomizableTrait) or not isinstance(
        transform, monai.transforms.Transform
    )
