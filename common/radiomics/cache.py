"""Cache of results by content: the same image, mask and settings are measured once, wherever the files are."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict
from pathlib import Path

from ..files import write_atomically
from .compiled import pyradiomics_version
from .engine import ENGINE_VERSION, Measured
from .settings import RadiomicsSettings

__all__ = ["FeatureCache"]


class FeatureCache:
    """One JSON file per measured lesion, named by the hash of all that its values depend on.

    These are the bytes of image and mask, the channel, the settings, and the versions of the engine and of PyRadiomics.
    Files are written completely or not at all, by any number of processes, so that a killed run can be continued.

    Args:
        folder: folder of the cached files; created if missing.
        settings: settings of the extraction.
    """

    def __init__(self, folder: str | Path, settings: RadiomicsSettings) -> None:
        self.folder = Path(folder)
        self._common = {"engine": ENGINE_VERSION, "pyradiomics": pyradiomics_version(), **asdict(settings)}

    def key(self, image_digest: str, mask_digest: str, channel: int | None = None, label: int | None = None) -> str:
        """Key of the result for these contents; ``label`` overrides the mask label of the settings."""
        content = {**self._common, "image": image_digest, "mask": mask_digest, "channel": channel}
        if label is not None:
            content["mask_label"] = label
        return hashlib.blake2b(json.dumps(content, sort_keys=True, default=str).encode(), digest_size=20).hexdigest()

    def load(self, key: str) -> Measured | None:
        """The result stored under ``key``, or ``None``, also if its file was damaged."""
        try:
            return Measured(**json.loads(self._path(key).read_text(encoding="utf-8")))
        except (FileNotFoundError, ValueError, TypeError):
            return None

    def store(self, key: str, measured: Measured) -> None:
        """Store ``measured`` under ``key``."""
        write_atomically(self._path(key), json.dumps(asdict(measured)))

    def _path(self, key: str) -> Path:
        return self.folder / f"{key}.json"
