"""Many lesions at once: on this machine's cores or on a Dask cluster, each measured once and kept."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import joblib
from tqdm import tqdm

from ..errors import InputError, one_line
from ..images.read import image_digest
from .cache import FeatureCache
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
        cache: cache in which results are looked up and stored one by one.
        settings: settings of the extraction.
        num_workers: processes of this machine; by default one per core.
        scheduler: address of a Dask scheduler, e.g. ``tcp://host:8786``, whose workers do it instead. They need this
            package and see the same files under the same paths.
        progress: show progress bars.

    Raises:
        InputError: the scheduler cannot be reached, or Dask is not installed.
    """
    paths = sorted({path for case in cases for path in (case.image, case.mask)})
    with ThreadPoolExecutor() as pool:  # hashing releases the interpreter's lock
        hashing = tqdm(pool.map(image_digest, paths), total=len(paths), desc="hash", unit="file", disable=not progress)
        digests = dict(zip(paths, hashing, strict=True))
    keys = {case: cache.key(digests[case.image], digests[case.mask], case.channel, case.label) for case in cases}
    kept = {key: measured for key in set(keys.values()) if (measured := cache.load(key)) is not None}
    todo = {key: case for case, key in keys.items() if key not in kept}
    measure = partial(_measure_one, cache=cache, settings=settings)
    if scheduler is None:
        found = _by_processes(measure, todo, max(min(num_workers or joblib.cpu_count(), len(todo)), 1))
    else:
        found = _by_cluster(measure, todo, scheduler)
    done = dict(tqdm(found, total=len(todo), desc="radiomics", unit="case", disable=not progress)) if todo else {}
    logger.info("radiomics: %d lesions from the cache, %d measured", len(kept), len(done))
    return {case: kept.get(key, done.get(key)) for case, key in keys.items()}


def _by_processes(measure: partial, todo: Mapping[str, Case], num_workers: int) -> Iterator[tuple[str, Measured | str]]:
    """Results from this machine's processes, in the order in which they are done."""
    parallel = joblib.Parallel(n_jobs=num_workers, return_as="generator_unordered", batch_size=1)
    yield from parallel(joblib.delayed(measure)(key, case) for key, case in todo.items())


def _by_cluster(measure: partial, todo: Mapping[str, Case], scheduler: str) -> Iterator[tuple[str, Measured | str]]:
    """Results from a Dask cluster, in the order in which they are done.

    The scheduler gives a lost worker's cases to the others, and gives up on a case that has killed several. (joblib's
    own backend for Dask leaves its arguments with the workers, and may wait for ever for those of a worker that died.)
    """
    try:
        from distributed import Client, as_completed
    except ImportError as error:
        raise InputError("scheduler: Dask is not installed; run: pip install distributed") from error
    try:
        client = Client(scheduler, timeout=CONNECT_SECONDS)
    except (OSError, ValueError) as error:
        found = f"{scheduler} cannot be reached ({one_line(error)})"
        raise InputError(f"scheduler: {found}; expected tcp://host:port") from error
    with client:
        futures = {client.submit(measure, key, case, pure=False): key for key, case in todo.items()}
        for future in as_completed(futures):
            if future.status == "finished":
                yield future.result()
            else:
                error = future.exception()
                yield futures[future], f"{type(error).__name__}: {' '.join(str(error).split())}"


def _measure_one(key: str, case: Case, cache: FeatureCache, settings: RadiomicsSettings) -> tuple[str, Measured | str]:
    try:
        wanted = RadiomicsSettings.load(settings, mask_label=case.label)
        measured = measure_features(case.image, case.mask, wanted, channel=case.channel)
    except InputError as error:
        return key, str(error)
    except Exception as error:  # a case that breaks PyRadiomics or ITK must not cost the cohort
        return key, f"{type(error).__name__}: {' '.join(str(error).split())}"
    cache.store(key, measured)
    return key, measured
