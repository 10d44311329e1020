"""Render the model card in a bundle's README anew from its metadata."""

from __future__ import annotations

import json
from pathlib import Path

import fire

from common import InputError, brief_input_errors, bundle_root
from common.deploy.packaging.model_card import with_card_section
from common.files import write_atomically


def model_card(bundle: str) -> None:
    """Write the section "Model card" of docs/README.md from configs/metadata.json.

    Args:
        bundle: name of the bundle, e.g. liver_cgc
    """
    folder = Path(bundle_root(bundle))
    if not (folder / "configs/metadata.json").is_file():
        raise InputError(
            f"{bundle}: no such bundle; expected a folder of bundles with configs/metadata.json; correct it"
        )
    metadata = json.loads((folder / "configs/metadata.json").read_text(encoding="utf-8"))
    readme = folder / "docs/README.md"
    text = with_card_section(readme.read_text(encoding="utf-8"), metadata, name=str(readme))
    print(write_atomically(readme, text))


def main() -> None:
    """Run the command line."""
    brief_input_errors()
    fire.Fire(model_card, name="model_card.py")


if __name__ == "__main__":
    main()
