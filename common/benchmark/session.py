"""Inputs of one benchmark: config, overrides, a cohort, and a temporary folder."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from ..bundle_configs import BundleConfigs
from .bundle_run import BundleRun, merged_config, phantom_overrides
from .environment import describe_environment

__all__ = ["Session", "find_configs", "open_session"]


@dataclass(frozen=True)
class Session:
    """Inputs of one benchmark.

    Attributes:
        config_files: config and its overlays.
        overrides: config ids and their values, from the user and for the cohort.
        environment: description of the machine before the benchmark.
        folder: temporary folder for the output of the runs.
    """

    config_files: list[str]
    overrides: dict[str, Any]
    environment: dict[str, Any]
    folder: Path

    def build(self, name: str, overrides: Mapping[str, Any] | None = None, dataset: Any = None) -> BundleRun:
        """A run with additional overrides and its own output folder."""
        return BundleRun(self.config_files, {**self.overrides, **(overrides or {})}, self.folder / name, dataset)

    def describe(self) -> dict[str, Any]:
        """Inputs as plain values for JSON."""
        return {
            "environment": self.environment,
            "config_files": self.config_files,
            "overrides": self.overrides,
            "config": merged_config(self.config_files, self.overrides),
        }


@contextmanager
def open_session(config_files: Sequence[str], overrides: Mapping[str, Any], num_subjects: int) -> Iterator[Session]:
    """Make a cohort of phantoms unless the overrides name one, and redirect the logs of the runs to a file.

    Args:
        config_files: config and its overlays.
        overrides: config ids and their values.
        num_subjects: number of subjects of the phantom cohort.

    Yields:
        The session, whose folder is deleted afterwards.
    """
    environment = describe_environment()
    root = logging.getLogger()
    handlers = list(root.handlers)
    with TemporaryDirectory(prefix="benchmark-") as name, (Path(name) / "log").open("w") as log, redirect_stdout(log):
        folder, values = Path(name), dict(overrides)
        if not {"dataset_dir", "datalist"} & values.keys():
            values |= phantom_overrides(config_files, values, folder / "phantoms", num_subjects)
        try:
            yield Session(list(config_files), values, environment, folder)
        finally:
            root.handlers[:] = handlers  # without those of logging.conf, which write to the file


def find_configs(bundle: str, names: Sequence[str]) -> list[str]:
    """Paths of a bundle's configs.

    Args:
        bundle: name of the bundle.
        names: names of configs, or paths.

    Raises:
        InputError: there is no such bundle or config.
    """
    configs = BundleConfigs(bundle)
    return [configs.path(name) for name in names]
