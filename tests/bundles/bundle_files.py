"""Where the bundles' files are, for tests that look at all of them."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

from monai.bundle import ConfigParser

BUNDLES = sorted(path for path in (Path(__file__).resolve().parents[2] / "bundles").iterdir() if path.is_dir())
METADATA_SCHEMA = Path(__file__).resolve().parents[2] / "common/deploy/consumers/metadata_schema.json"


def config_files(bundle: Path) -> list[Path]:
    """All configs of a bundle, overlays too, without its metadata."""
    files = [path for path in bundle.glob("configs/*") if path.suffix in (".yaml", ".yml", ".json")]
    return sorted(path for path in files if path.name != "metadata.json")


@cache
def read_config(path: Path) -> dict[str, Any]:
    """A config as its file has it; not to be changed by the caller."""
    return ConfigParser.load_config_file(str(path))


def is_overlay(config: dict[str, Any]) -> bool:
    """Whether a config runs only on top of another."""
    return "run" not in config
