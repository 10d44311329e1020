"""The weights that a run loads, looked for before anything runs."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from .errors import InputError
from .options import plain_value
from .references import closure

__all__ = ["check_checkpoint"]


def check_checkpoint(config: Mapping[str, Any], run: str, bundle: Path) -> None:
    """Refuse a checkpoint that is not there, before the run asks for a datalist or MONAI ends in a traceback.

    Args:
        config: merged files and options.
        run: id that is run.
        bundle: folder of the bundle.

    Raises:
        InputError: the run loads weights that do not exist.
    """
    path = plain_value(config, "checkpoint") if "checkpoint" in closure(config, [run]) else None
    if not isinstance(path, str) or Path(path).exists():
        return
    remedy = "set --checkpoint to the model.pt that a training wrote"
    if "section" in config:  # inference of an exported network
        remedy = "set --checkpoint to the TorchScript that run exporting wrote, and --config_file to the JSON beside it"
        if (bundle / "configs").is_dir() and not any((bundle / "models").glob("*.ts")):
            remedy = f"no weights ship with {bundle.name}: train it and {remedy}"
    raise InputError(f"checkpoint: {path}: found no such file, expected weights; {remedy}")
