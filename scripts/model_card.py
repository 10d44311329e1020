"""Update the model card in a bundle's docs/reference.md from its metadata, and from what ships with its weights."""

from __future__ import annotations

from pathlib import Path

from common import InputError, bundle_root
from common.command_line import run_commands


def model_card(bundle: str) -> Path:
    """Write the section "Model card" of docs/reference.md from configs/metadata.json, and from calibration.json and
    metrics.json in models/ where weights ship.

    Args:
        bundle: name of the bundle, e.g. liver_cgc.
    """
    from common.deploy.packaging.model_card import described, with_card_section
    from common.files import write_atomically

    folder = Path(bundle_root(bundle))
    if not (folder / "configs/metadata.json").is_file():
        raise InputError(
            f"{bundle}: no such bundle; expected a folder in bundles/ with configs/metadata.json; correct it"
        )
    page = folder / "docs/reference.md"
    text = with_card_section(page.read_text(encoding="utf-8"), *described(folder), name=str(page))
    return write_atomically(page, text)


if __name__ == "__main__":
    run_commands(model_card, show=print)
