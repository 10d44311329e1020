"""Preprocessed images on disk, which the stages and runs of a bundle share."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import torch


def check_shared_images(open_bundle: Callable, stages: Mapping[Path, Sequence[str]], folder: Path, **options) -> int:
    """The datasets of stages are bit for bit the same with files as without; gives the number of files.

    Args:
        open_bundle: the fixture.
        stages: ids of datasets by config.
        folder: folder of the files.
        **options: overrides of all stages.
    """
    for config, ids in stages.items():
        kinds = ("none", "both", "disk")
        places = {f"{name}#cache_dir".replace("#", "__"): folder for name in ids}
        parsers = [open_bundle(config, cache=cache, **options, **places).parser for cache in kinds]
        for name in ids:
            plain, *others = (parser.get_parsed_content(name) for parser in parsers)
            for other in others:
                for one, found in zip(plain, other, strict=True):
                    assert one.keys() == found.keys()
                    assert all(_same(one[key], found[key]) for key in one)
    return len(list(folder.glob("*.npz")))


def _same(one: object, other: object) -> bool:
    if not isinstance(one, torch.Tensor):
        return one == other
    return one.dtype == other.dtype and torch.equal(one, other)
