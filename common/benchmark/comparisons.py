"""Inputs of a benchmark of comparisons: a cohort, options, and a temporary folder."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, redirect_stdout
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from .bundle_run import phantom_overrides
from .environment import describe_environment
from .session import find_configs

__all__ = ["open_comparison"]


@contextmanager
def open_comparison(
    bundle: str, dataset_dir: str | None, num_subjects: int, options: Mapping[str, Any]
) -> Iterator[tuple[dict[str, Any], Path, dict[str, Any]]]:
    """Make a cohort of phantoms unless there is one, and redirect the logs of the stages to a file.

    Args:
        bundle: name of the bundle.
        dataset_dir: folder of the cohort, or ``None`` for phantoms.
        num_subjects: size of the phantom cohort.
        options: further options of :class:`~common.evaluation.LabelFractions`.

    Yields:
        All its options but ``output_dir``, a folder that is deleted afterwards, and a description of the machine.
    """
    environment = describe_environment()
    root = logging.getLogger()
    handlers = list(root.handlers)
    with TemporaryDirectory(prefix="benchmark-") as name, (Path(name) / "log").open("w") as log, redirect_stdout(log):
        folder = Path(name)
        if dataset_dir is None:
            phantom_overrides(find_configs(bundle, ["pretrain"]), {}, folder / "phantoms", num_subjects)
        try:
            yield (
                {
                    "bundle": bundle,
                    "dataset_dir": str(dataset_dir or folder / "phantoms"),
                    "cache_dir": str(folder / "cache"),
                    **options,
                },
                folder,
                environment,
            )
        finally:
            root.handlers[:] = handlers  # without those of logging.conf, which write to the file
