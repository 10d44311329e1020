"""Many lesions at once: on this machine's cores or on a Dask cluster, each measured once and kept."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import joblib
from tqdm import tqdm

from ..errors import InputError
from .cache import FeatureCache, file_digest
from .cases import Case
from .engine import Measured
from .features import measure_features
from .settings import RadiomicsSettings

__all__ = ["measure_cases"]

logger = logging.getLogger(__name__)

CONNECT_SECONDS = 10  # to wait for a Dask scheduler


def measure_cases(
    cases: Sequence[Case],
    cache: FeatureCache,
    settings: RadiomicsSettings,
    *,
    num_workers: int | None = None,
    scheduler: str | None = None,
    progress: bool = True,
) -> dict[Case, Measured | str]:
    """Features of each case, or why there are none; only what the cache lacks is computed.

    Args:
        cases: all different or not.
        cache: where results are looked up, and kept as soon as each is there.
        settings: what is measured.
        num_workers: processes of this machine; by default one per core.
        scheduler: address of a Dask scheduler, e.g. ``tcp://host:8786``, whose workers do it instead. They need this
            package and see the same files under the same paths.
        progress: show progress bars.

    Raises:
        InputError: the scheduler cannot be reached, or Dask is not installed.
    """
    paths = sorted({path for case in cases for path in (case.image, case.mask)})
    with ThreadPoolExecutor() as pool:  # hashing releases the interpreter's lock
        hashing = tqdm(pool.map(file_digest, paths), total=len(paths), desc="hash", unit="file", disable=not progress)
        digests = dict(zip(paths, hashing, strict=True))
    keys = {case: cache.key(digests[case.image], digests[case.mask], case.channel) for case in cases}
    kept = {key: measured for key in set(keys.values()) if (measured := cache.load(key)) is not None}
    todo = {key: case for case, key in keys.items() if key not in kept}
    done: dict[str, Measured | str] = {}
    if todo:
        with _backend(max(min(num_workers or joblib.cpu_count(), len(todo)), 1), scheduler):
            parallel = joblib.Parallel(return_as="generator_unordered", batch_size=1)
            jobs = (joblib.delayed(_measure_one)(case, key, cache, settings) for key, case in todo.items())
            done = dict(tqdm(parallel(jobs), total=len(todo), desc="radiomics", unit="case", disable=not progress))
    logger.info("radiomics: %d lesions from the cache, %d measured", len(kept), len(done))
    return {case: kept.get(key, done.get(key)) for case, key in keys.items()}


@contextmanager
def _backend(num_workers: int, scheduler: str | None) -> Iterator[None]:
    """Where joblib's tasks run; the Dask workers' number is the cluster's own."""
    if scheduler is None:
        with joblib.parallel_config(n_jobs=num_workers):
            yield
        return
    try:
        from distributed import Client
    except ImportError as error:
        raise InputError("scheduler: Dask is not installed; run: pip install distributed") from error
    try:
        client = Client(scheduler, timeout=CONNECT_SECONDS)
    except (OSError, ValueError) as error:
        reason = " ".join(str(error).split())
        raise InputError(f"scheduler: {scheduler} cannot be reached ({reason}); expected tcp://host:port") from error
    with client, joblib.parallel_config(backend="dask", n_jobs=-1):
        yield


def _measure_one(case: Case, key: str, cache: FeatureCache, settings: RadiomicsSettings) -> tuple[str, Measured | str]:
    try:
        measured = measure_features(case.image, case.mask, settings, channel=case.channel)
    except InputError as error:
        return key, str(error)
    except Exception as error:  # a case that breaks PyRadiomics or ITK must not cost the cohort
        return key, f"{type(error).__name__}: {' '.join(str(error).split())}"
    cache.store(key, measured)
    return key, measured
