"""The channels that an exported network says it takes, compared with a datalist before MONAI runs inference on it."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ...options import plain_value
from .input_format import InputFormat

__all__ = ["check_exported"]


def check_exported(config: Mapping[str, Any]) -> None:
    """Refuse a datalist of other modalities than the network of an ``inference.json``, which holds no code of ours.

    Args:
        config: merged files and options of a run; others than inference of an exported network pass, and so does a
            network or a datalist that is not there or says nothing of its modalities.

    Raises:
        InputError: they differ; see :meth:`InputFormat.check_modalities`.
    """
    if not {"checkpoint", "datalist", "section"} <= config.keys():
        return
    weights, datalist = (plain_value(config, name) for name in ("checkpoint", "datalist"))
    if not (isinstance(weights, str) and isinstance(datalist, str) and Path(datalist).is_file()):
        return
    if channels := _channels(weights):
        InputFormat(channels, channels=channels).check_modalities(Path(datalist))


def _channels(weights: str) -> tuple[str, ...]:
    """Names of the channels in a TorchScript's metadata; none where it has none, or is no TorchScript."""
    try:
        with zipfile.ZipFile(weights) as file:
            (name,) = [name for name in file.namelist() if name.endswith("/extra/metadata.json")]
            names = json.loads(file.read(name))["network_data_format"]["inputs"]["image"]["channel_def"]
            return tuple(dict.fromkeys(names[key] for key in sorted(names, key=int)))  # slices have one name
    except (OSError, ValueError, KeyError, TypeError, AttributeError, zipfile.BadZipFile):
        return ()
