"""The networks of the folds as one checkpoint with its overlay."""

from __future__ import annotations

import io
import json
from collections import OrderedDict
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ..bundle_configs import BundleConfigs
from ..checkpoints import read_checkpoint
from ..files import write_atomically
from ..networks.weights import state_dict_in
from ..training_record import read_training_record, with_training_record

__all__ = ["write_ensemble"]


def write_ensemble(configs: BundleConfigs, overlays: Sequence[str], members: Sequence[Path], folder: Path) -> Path:
    """Write ``model.pt`` with the weights of all members, and ``ensemble.yaml``, an overlay of ``train.yaml`` for it.

    Args:
        configs: configs of the bundle.
        overlays: overlays of ``train.yaml`` in the training of the members.
        members: weights of the members.
        folder: folder to write to.

    Returns:
        The overlay.
    """
    import torch

    network = configs.ids("train", *overlays)["network_def"]
    definition = {"_target_": "common.networks.FoldEnsemble", "network": network, "number": len(members)}
    states = [state_dict_in(read_checkpoint(path)) for path in members]
    joined = OrderedDict(
        (f"members.{place}.{name}", value) for place, state in enumerate(states) for name, value in state.items()
    )
    record = _record([read_training_record(path) for path in members], definition)
    buffer = io.BytesIO()
    torch.save(with_training_record(joined, record), buffer)
    write_atomically(folder / "model.pt", buffer.getvalue())
    text = f"# Overlay on train.yaml: the networks of {len(members)} folds as one.\n" + json.dumps(
        {"network_def": definition}, indent=1
    )
    return write_atomically(folder / "ensemble.yaml", text + "\n")


def _record(records: Sequence[dict[str, Any] | None], definition: dict[str, Any]) -> dict[str, Any] | None:
    """The record of the first member with the ensemble's network and the subjects of all."""
    if not records or any(record is None for record in records):
        return None
    known = [record for record in records if record is not None]
    subjects = {
        part: sorted({name for record in known for name in record["subjects"].get(part) or ()})
        for part in known[0]["subjects"]
    }
    settings = {**known[0]["settings"], "network_def": definition}
    return {**known[0], "settings": settings, "subjects": subjects, "fold": None}
