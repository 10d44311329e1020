"""The inference config that belongs to an exported network: the bundle's, set as the network was trained."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from .files import write_atomically
from .options import UNKNOWN, calling_parser, plain_value
from .references import is_plain, references
from .training_record import SECTIONS, ids_of, is_counted

__all__ = ["OWN_FOLDERS", "exported_inference"]

#: Folders of an inference config that is used from its own folder, instead of the bundle's in this checkout.
OWN_FOLDERS = {"bundle_root": ".", "dataset_dir": "$@bundle_root + '/data'"}
#: Ids that inference shares with training and that no transform names.
_MORE = ("in_channels", "num_classes", "roi_size", "overlap")


def exported_inference(torchscript: str | Path, name: str = "inference") -> bytes:
    """Write ``<name>.json`` beside the TorchScript that the run whose config calls this exports.

    The bundle's own ``<name>.json`` describes the weights that ship. An export of other weights needs its own: with the
    image size, spacing and intensity range of its training, or its images are not those that it was trained on.

    Args:
        torchscript: file that is exported.
        name: name of the inference config in the bundle's ``configs``.

    Returns:
        Content of the file, which travels in the TorchScript too.
    """
    parser = calling_parser()
    assert parser is not None, "called outside a config"
    content = parser.get()
    root = Path(str(parser.get_parsed_content("bundle_root")))
    config = json.loads((root / "configs" / f"{name}.json").read_text(encoding="utf-8"))
    config |= OWN_FOLDERS
    for key in (*ids_of(content, SECTIONS), *_MORE):
        if key not in config or key not in content or key in SECTIONS:
            continue
        value = parser.get_parsed_content(key) if is_counted(content, key) else _plain(content, key)
        if is_plain(value) and value is not UNKNOWN and not references(value) and "common." not in str(value):
            config[key] = value
    text = json.dumps(config, indent=4) + "\n"
    write_atomically(Path(torchscript).with_name(f"{name}.json"), text)
    return text.encode()


def _plain(content: Mapping[str, Any], key: str) -> Any:
    return plain_value(content, key) if isinstance(content[key], str) else content[key]
