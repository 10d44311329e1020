"""The configs of a bundle by name."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any

from ... import bundle_root
from ...errors import InputError

__all__ = ["PRETRAIN", "BundleConfigs"]

#: The config of pre-training; among the starts of a row: that config as it stands, without an overlay.
PRETRAIN = "pretrain"


class BundleConfigs:
    """Configs and overlays of one bundle.

    Args:
        bundle: name of a bundle of this checkout, or folder with ``configs/*.yaml`` in it.

    Raises:
        InputError: there is no such bundle.
    """

    def __init__(self, bundle: str | Path) -> None:
        root = Path(bundle if (Path(bundle) / "configs").is_dir() else bundle_root(str(bundle))).resolve()
        self.folder = root / "configs"
        if not self.folder.is_dir():
            known = sorted(folder.parent.name for folder in root.parent.glob("*/configs"))
            raise InputError(f"bundle: {root.name}: no such folder of configs; expected one of {', '.join(known)}")

    def path(self, name: str) -> str:
        """File of a config.

        Raises:
            InputError: the bundle has no such config.
        """
        path = self.folder / f"{name}.yaml"
        if not path.is_file():
            raise InputError(
                f"{name}: the bundle has no such config; expected one of {', '.join(sorted(self._names()))}"
            )
        return str(path)

    def ids(self, *names: str) -> dict[str, Any]:
        """Top-level ids of one config, or of several put one over the other; see :meth:`path` for errors."""
        return {key: value for name in names for key, value in _read(self.path(name)).items()}

    def known_ids(self) -> set[str]:
        """Top-level ids of all configs and overlays."""
        return {key.lstrip("+").split("#")[0] for name in self._names() for key in self.ids(name)}

    def check_overlays(self, stage: str, overlays: Sequence[str]) -> None:
        """Whether ``overlays`` set only what a config has.

        Raises:
            InputError: an overlay is unknown or is one of another config.
        """
        for overlay in overlays:
            others = {key.lstrip("+").split("#")[0] for key in self.ids(overlay)} - set(self.ids(stage))
            if others:
                raise InputError(
                    f"{overlay}: sets {', '.join(sorted(others))}, which {stage}.yaml has not; choose an overlay of it"
                )

    def overlay_of_encoder(self, name: str) -> str:
        """Overlay on ``pretrain.yaml`` that ``name`` means: its file's name, or the ``encoder_name`` that it sets.

        Raises:
            InputError: there is none.
        """
        known = {ids.get("encoder_name"): other for other in self._names() if "run" not in (ids := self.ids(other))}
        named = {str(key).lower(): overlay for key, overlay in known.items() if key}
        if name in self._names():
            return name
        if name.lower() in named:
            return named[name.lower()]
        starts = ", ".join(["scratch", "imagenet", *sorted(named)])
        raise InputError(f"{name}: no encoder to start from; expected {starts} or an overlay of pretrain.yaml")

    def _names(self) -> list[str]:
        return [path.stem for path in self.folder.glob("*.yaml")]


@cache
def _read(path: str) -> dict[str, Any]:
    from monai.bundle import ConfigParser  # here, as the probe's worker processes don't need it

    return ConfigParser.load_config_file(path)
