"""Origin of an archive's weights, as far as it is known from the files on this machine."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Mapping
from importlib.metadata import version as installed_version
from pathlib import Path
from typing import Any

from ...checkpoints import read_checkpoint
from ...errors import InputError
from ...files import file_digest, write_atomically
from .sbom import PROJECT

__all__ = ["write_provenance"]

PACKAGES = ("monai", "numpy", "pytorch-ignite", "torch")
CLOCK = "seconds"  # column of metrics.json that differs between runs


def write_provenance(
    path: str | Path,
    *,
    bundle: str,
    version: str,
    target: str,
    weights: str | Path | None = None,
    training_run: str | Path | None = None,
    calibration: Mapping[str, Any] | None = None,
    metrics: Mapping[str, Any] | None = None,
    overrides: Mapping[str, Any] | None = None,
    config: Mapping[str, Any] | None = None,
    record: Mapping[str, Any] | None = None,
    project: str | Path = PROJECT,
) -> Path:
    """Write JSON of bundle, source, training, datalist, metrics and versions, without times and users' folders.

    Args:
        path: path of the JSON file.
        bundle: name of the bundle.
        version: version in ``metadata.json``.
        target: target of the archive, such as ``zoo``, ``monailabel`` or ``inference``.
        weights: packaged state dict.
        training_run: output folder of ``train.yaml``, with ``checkpoint.pt`` and ``metrics.json``.
        calibration: content of ``calibration.json``.
        metrics: metrics of an evaluation on held-out subjects.
        overrides: config ids set in packaging, and their values.
        config: ``train.yaml`` with these values, without folders.
        record: training record of the weights.
        project: checkout from which the archive is built.

    Returns:
        ``path``.

    Raises:
        InputError: ``training_run`` is no such folder, or its weights are others.
    """
    content = {
        "bundle": bundle,
        "version": version,
        "target": target,
        "source": _source(Path(project), bundle),
        "weights": None if weights is None else _file(weights),
        "overrides": _without_folders(dict(overrides or {})),
        "training_config": config,
        "record": None if record is None else dict(record),
        "training": None if training_run is None else _training(Path(training_run), weights),
        "metrics": None if metrics is None else dict(metrics),
        "calibration": None if calibration is None else dict(calibration),
        "packages": {name: installed_version(name) for name in PACKAGES},
    }
    return write_atomically(path, json.dumps(content, indent=4, sort_keys=True, default=str) + "\n")


def _source(project: Path, bundle: str) -> dict[str, Any]:
    """Commit of the packaged sources; ``None`` outside a checkout."""
    commit = _git(project, "rev-parse", "HEAD")
    changes = _git(
        project, "status", "--porcelain", "--", "common", f"bundles/{bundle}", "constraints.txt", "setup.cfg"
    )
    return {"commit": commit, "changed_since": None if commit is None else bool(changes)}


def _git(project: Path, *words: str) -> str | None:
    if not (project / ".git").exists():  # else git searches the folders above
        return None
    try:
        result = subprocess.run(["git", "-C", project, *words], capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):  # no git, or another user's checkout
        return None
    return result.stdout.strip()


def _training(run: Path, weights: str | Path | None) -> dict[str, Any]:
    if not (run / "checkpoint.pt").is_file():
        raise InputError(f"{run}: no checkpoint.pt; expected the output folder of train.yaml; name it")
    _check_weights(run, weights)
    checkpoint = read_checkpoint(run / "checkpoint.pt")
    identity = checkpoint.get("identity", {})  # without the parts of components
    settings = {name: value for name, value in identity.items() if "#" not in name}
    metrics = run / "metrics.json"
    rows = json.loads(metrics.read_text()) if metrics.is_file() else []
    best = checkpoint.get("best", {}).get("epoch")
    return {
        "settings": _without_folders(settings),
        "files": {name: _file(value) for name, value in settings.items() if _is_path(value)},
        "optimizer": _hyper_parameters(checkpoint.get("optimizer", {})),
        "iterations": checkpoint.get("engine", {}).get("iteration"),
        "best_epoch": best,
        "metrics": next((_logged(row) for row in reversed(rows) if best in (None, row["epoch"])), None),
    }


def _hyper_parameters(optimizer: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Learning rate, weight decay and so on of each parameter group at the end of training."""
    groups = optimizer.get("param_groups", [])
    return [{name: value for name, value in group.items() if name != "params"} for group in groups]


def _check_weights(run: Path, weights: str | Path | None) -> None:
    trained = run / "model.pt"
    if weights is not None and trained.is_file() and file_digest(trained, "sha256") != file_digest(weights, "sha256"):
        raise InputError(f"{weights}: differs from {trained}; expected the weights of that run; name another run")


def _logged(row: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in row.items() if name != CLOCK}


def _file(path: str | Path) -> dict[str, Any]:
    """Name and hash of a file; no hash if it no longer exists on this machine."""
    path = Path(path)
    return {"name": path.name, "sha256": file_digest(path, "sha256") if path.is_file() else None}


def _is_path(value: Any) -> bool:
    return isinstance(value, str) and "/" in value and not value.startswith(("$", "@"))


def _without_folders(value: Any) -> Any:
    """The value with each path cut to its last part, since folders are valid on one machine and reveal its user."""
    if isinstance(value, Mapping):
        return {key: _without_folders(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_without_folders(item) for item in value]
    return Path(value).name if _is_path(value) else value
