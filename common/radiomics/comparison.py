"""One timed extraction by PyRadiomics or by this package's engine, in a worker process of a benchmark."""

from __future__ import annotations

import logging
import os
import resource
import time
from collections.abc import Callable
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Any

__all__ = ["timed_extraction", "warm_up"]

#: What an engine imports when it measures, including the reader of the usual files of 2 or 3 axes.
IMPORTS = {
    ("stock", 2): ("radiomics.featureextractor",),
    ("stock", 3): ("radiomics.featureextractor",),
    ("ours", 2): (f"{__package__}.features", "pykwalify.core", "pywt", "PIL.Image"),
    ("ours", 3): (
        f"{__package__}.features",
        "pykwalify.core",
        "pywt",
        "nibabel",
        "scipy.sparse.csgraph",
        "scipy.spatial",
    ),
}


def timed_extraction(engine: str, image: str, mask: str, parameters: str) -> dict[str, Any]:
    """Read one case, extract its features, and measure time and memory.

    Args:
        engine: ``"stock"``: ``RadiomicsFeatureExtractor.execute`` of PyRadiomics without diagnostics, on one thread;
            ``"ours"``: :func:`.features.measure_features`.
        image: file of the image.
        mask: file of the mask, with the lesion as label 1.
        parameters: PyRadiomics parameter file, which a process reads once.

    Returns:
        ``features`` by name, wall time ``seconds``, ``cpu_seconds``, ``process``, and ``peak``: the peak memory of this
        process so far, in bytes.
    """
    extract = {"stock": _stock, "ours": _ours}[engine](parameters)
    start, cpu = time.perf_counter(), time.process_time()
    features = extract(image, mask)
    taken = {"seconds": time.perf_counter() - start, "cpu_seconds": time.process_time() - cpu}
    return {"features": features, **taken, "process": os.getpid(), "peak": _peak_memory()}


def warm_up(engine: str, dimension: int, seconds: float = 0.3) -> None:
    """Import what an engine needs for images of 2 or 3 axes, and wait until every process of a pool has started."""
    for name in IMPORTS[engine, dimension]:
        import_module(name)
    logging.getLogger("radiomics").setLevel(logging.CRITICAL)
    time.sleep(seconds)


@cache
def _stock(parameters: str) -> Callable[[str, str], dict[str, float]]:
    import SimpleITK as sitk  # noqa: N813
    from radiomics.featureextractor import RadiomicsFeatureExtractor
    from threadpoolctl import threadpool_limits

    extractor = RadiomicsFeatureExtractor(parameters, additionalInfo=False)
    sitk.ProcessObject.SetGlobalDefaultNumberOfThreads(1)

    def extract(image: str, mask: str) -> dict[str, float]:
        """Features of an image by PyRadiomics itself."""
        with threadpool_limits(1):
            return {name: float(value) for name, value in extractor.execute(image, mask).items()}

    return extract


@cache
def _ours(parameters: str) -> Callable[[str, str], dict[str, float]]:
    from .features import measure_features
    from .settings import RadiomicsSettings

    settings = RadiomicsSettings.load(parameters)
    return lambda image, mask: measure_features(image, mask, settings).features


def _peak_memory() -> int:
    """Peak memory of this process alone; ``ru_maxrss`` includes that of the parent at the fork."""
    status = Path("/proc/self/status")
    if status.is_file():
        lines = dict(line.split(":", 1) for line in status.read_text().splitlines() if ":" in line)
        return int(lines["VmHWM"].split()[0]) * 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
