"""The configs of a bundle by name."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import cache
from pathlib import Path
from typing import Any, Literal

import yaml

from .bundle_folder import bundle_root
from .errors import InputError
from .hints import did_you_mean

__all__ = ["BASES", "PAPER", "PRETRAIN", "BundleConfigs", "Recipe", "bundle_names", "overlays_of", "stage_of"]

#: Whose protocol a comparison follows: ours, which was measured, or that of the bundle's paper, to the letter.
Recipe = Literal["default", "paper"]
#: File of a bundle with its paper's recipe, tables and figures.
PAPER = "paper.yaml"

#: The config of pre-training; as start of a row, that config without an overlay.
PRETRAIN = "pretrain"
#: Configs that are overlays of a training's config, whose network and preprocessing they use, and that config.
BASES = {
    "evaluate": "train",
    "evaluate_segmentation": "train_segmentation",
    "explain": "train",
    "extract_features": PRETRAIN,
    "infer_hybrid": "train",
}
#: Configs that a comparison runs.
STAGES = (
    *(PRETRAIN, "extract_features", "linear_probe", "train", "evaluate"),
    *("train_segmentation", "evaluate_segmentation"),
)


class BundleConfigs:
    """Configs and overlays of one bundle.

    Args:
        bundle: name of the bundle in this checkout, or its folder, which has ``configs/*.yaml``.

    Attributes:
        root: folder of the bundle.
        folder: folder of its configs.

    Raises:
        InputError: there is no such bundle.
    """

    def __init__(self, bundle: str | Path) -> None:
        self.root = Path(bundle_root(str(bundle)))
        if not self.root.is_dir():
            self.root = Path(bundle).resolve()
        self.folder = self.root / "configs"
        if not self.folder.is_dir():
            known = bundle_names()
            hint = did_you_mean(str(bundle), known, "correct it")
            raise InputError(
                f"{bundle}: no such bundle; expected one of {', '.join(known)}, or a bundle's folder; {hint}"
            )

    def path(self, name: str) -> str:
        """File of a config.

        Args:
            name: name in ``configs``, with or without ``.yaml``, or the path of another config.

        Raises:
            InputError: the bundle has no such config.
        """
        candidates = [self.folder / f"{name}.yaml", self.folder / name, Path(name)]
        found = [path for path in candidates if path.is_file()]
        if not found:
            known = sorted(self.names())
            stage, _, overlay = name.rpartition(":")  # a mistyped stage, which would be taken off otherwise
            hint = did_you_mean(stage, known, "correct it", suffix=f":{overlay}") if overlay and stage else ""
            hint = hint or did_you_mean(name, known, "correct it")
            raise InputError(
                f"{name}: the bundle has no such config; expected one of {', '.join(known)}, or a path; {hint}"
            )
        return str(found[0])

    def files(self, stage: str) -> list[str]:
        """Config of a stage, after that of the training that it extends; see :meth:`path` for errors."""
        return [self.path(name) for name in (BASES.get(stage), stage) if name is not None]

    def ids(self, *names: str) -> dict[str, Any]:
        """Top-level ids of a stage or an overlay, or of several merged in order; see :meth:`path` for errors."""
        return {key: value for name in names for path in self.files(name) for key, value in _read(path).items()}

    def known_ids(self) -> set[str]:
        """Top-level ids of all configs and overlays."""
        return {key.lstrip("+").split("#")[0] for name in self.names() for key in self.ids(name)}

    def check_overlays(self, stage: str, overlays: Sequence[str]) -> None:
        """Check that ``overlays`` only set ids that a config has.

        Raises:
            InputError: an overlay is unknown or belongs to another config.
        """
        for overlay in overlays:
            if others := self._foreign_ids(stage, overlay):
                raise InputError(
                    f"{overlay}: sets {', '.join(sorted(others))}, which {stage}.yaml does not have; choose an overlay "
                    "of it"
                )

    def _foreign_ids(self, stage: str, overlay: str) -> set[str]:
        """Ids that an overlay sets and a config does not have."""
        return {key.lstrip("+").split("#")[0] for key in self.ids(overlay)} - set(self.ids(stage))

    def recipe(self, name: Recipe) -> list[str]:
        """Overlays of a recipe, each for one stage, such as ``pretrain:paper``; none for ``default``.

        Raises:
            InputError: there is no such recipe, or the bundle has none of a paper.
        """
        if name == "default":
            return []
        if name != "paper":
            raise InputError(f"recipe: found {name!r}; expected default or paper; correct it")
        path = self.root / PAPER
        found = _read(str(path)).get("recipe") if path.is_file() else None
        if found is None:
            raise InputError(f"recipe: found paper; {path} has none; expected default; leave it out")
        return list(found)

    def overlay_of_encoder(self, name: str, others: Sequence[str] = ()) -> str:
        """Overlay of ``pretrain.yaml`` by its file's name or by the ``encoder_name`` that it sets.

        Args:
            name: one of them.
            others: what else might have been meant, for the message.

        Raises:
            InputError: there is no such overlay.
        """
        known = {ids.get("encoder_name"): other for other in self.names() if "run" not in (ids := self.ids(other))}
        named = {str(key).lower(): overlay for key, overlay in known.items() if key}
        if name in self.names():
            return name
        if name.lower() in named:
            return named[name.lower()]
        expected = [*others, "scratch", "imagenet", *sorted(named)]
        overlays = [other for other in self.names() if not self._foreign_ids(PRETRAIN, other)]
        what = "no such row, and no encoder to start from" if others else "no encoder to start from"
        raise InputError(
            f"{name}: {what}; expected {', '.join(expected)} or an overlay of pretrain.yaml; "
            f"{did_you_mean(name, [*expected, *overlays], 'correct it')}"
        )

    def names(self) -> list[str]:
        """Names of all configs and overlays."""
        return [path.stem for path in self.folder.glob("*.yaml")]


def stage_of(overlay: str) -> tuple[str | None, str]:
    """The stage of an overlay for one, ``<stage>:<overlay>``, or ``None``, and its name or path."""
    stage, _, name = overlay.partition(":")
    return (stage, name) if name and stage in STAGES else (None, overlay)


def overlays_of(stage: str, overlays: Iterable[str]) -> list[str]:
    """Names or paths of the overlays of a stage in their order: of those for all stages and its own."""
    return [name for of, name in map(stage_of, overlays) if of in (None, stage)]


def bundle_names() -> list[str]:
    """Names of the bundles of this checkout."""
    return sorted(folder.parent.name for folder in Path(bundle_root(".")).glob("*/configs"))


@cache
def _read(path: str) -> dict[str, Any]:
    if Path(path).suffix in (".yaml", ".yml"):  # as MONAI, whose import takes seconds, reads it
        return yaml.safe_load(Path(path).read_text(encoding="utf-8"))
    from monai.bundle import ConfigParser

    return ConfigParser.load_config_file(path)
