"""The service's log file: rotated, and without names of patients."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from logging.handlers import RotatingFileHandler
from pathlib import Path

from ...errors import one_line

__all__ = ["LOGGER", "brief", "logging_to"]

LOGGER = logging.getLogger("clinical_ssl_bundles.service")
SILENT = logging.CRITICAL + 1


@contextmanager
def logging_to(path: Path, size: float, files: int) -> Iterator[None]:
    """Write messages of the service, and of nothing else, to a rotating file and to standard error.

    Messages of libraries are left out of both, since they may quote header elements.

    Args:
        path: log file.
        size: size in MiB at which it is rotated.
        files: number of old files that are kept.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    form = logging.Formatter("%(asctime)s %(levelname)s %(message)s")
    handlers: list[logging.Handler] = [
        RotatingFileHandler(path, maxBytes=int(size * (1 << 20)), backupCount=files, encoding="utf-8"),
        logging.StreamHandler(),
    ]
    root = logging.getLogger()
    level, root_handlers = root.level, root.handlers
    root.setLevel(SILENT)  # of libraries
    root.handlers = [logging.NullHandler()]  # and of those that have a level of their own
    logging.getLogger("pydicom").setLevel(SILENT)
    LOGGER.setLevel(logging.INFO)
    LOGGER.propagate = False
    for handler in handlers:
        handler.setFormatter(form)
        LOGGER.addHandler(handler)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        root.setLevel(level)
        root.handlers = root_handlers
        for handler in handlers:
            LOGGER.removeHandler(handler)
            handler.close()
        LOGGER.propagate = True


def brief(error: BaseException) -> str:
    """Type and message of an unexpected error in one line.

    Args:
        error: error to describe.
    """
    return f"{type(error).__name__}: {one_line(error)}"
