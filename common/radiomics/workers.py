"""Parallel measurement of lesions on the cores of this machine or a Dask cluster, with a cache."""

from __future__ import annotations

import itertools
import logging
import os
from collections.abc import Generator, Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from functools import partial

import joblib
from joblib.externals.loky import ProcessPoolExecutor
from tqdm import tqdm

from ..errors import InputError, one_line
from ..images.read import image_digest
from ..processes import THREADED, end_with_parent
from .cache import FeatureCache
from .cases import Case
from .engine import Measured
from .features import measure_features
from .settings import RadiomicsSettings

__all__ = ["measure_cases"]

logger = logging.getLogger(__name__)

CONNECT_SECONDS = 10  # timeout for the connection to a Dask scheduler


def measure_cases(
    cases: Sequence[Case],
    cache: FeatureCache,
    settings: RadiomicsSettings,
    *,
    num_workers: int | None = None,
    scheduler: str | None = None,
    progress: bool = True,
) -> dict[Case, Measured | str]:
    """Features of each case, or the reason why there are none; results in the cache are not measured again.

    Args:
        cases: cases to measure, possibly with duplicates.
        cache: cache in which results are looked up and stored one by one.
        settings: settings of the extraction.
        num_workers: number of processes on this machine; by default one per core.
        scheduler: address of a Dask scheduler, e.g. ``tcp://host:8786``, whose workers measure instead. They need this
            package and the same files under the same paths.
        progress: whether to show progress bars.

    Returns:
        Features, or an error message, by case.

    Raises:
        InputError: the scheduler cannot be reached, or Dask is not installed.
    """
    paths = sorted({path for case in cases for path in (case.image, case.mask)})
    with ThreadPoolExecutor() as pool:  # hashing releases the global interpreter lock
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
    results: dict[str, Measured | str] = {**kept, **done}
    return {case: results[key] for case, key in keys.items()}


def _by_processes(measure: partial, todo: Mapping[str, Case], num_workers: int) -> Iterator[tuple[str, Measured | str]]:
    """Results of processes on this machine, in order of completion; of this process, if there is one worker.

    The system may kill a process, for example when memory is full. Each case that was being measured then is measured
    again, alone, as another one may have been the cause; a case whose process is then killed twice is reported, and the
    others go on.
    """
    if num_workers == 1:
        yield from (measure(key, case) for key, case in todo.items())
        return
    left = dict(todo)
    while left:
        for key in (yield from _until_killed(measure, left, num_workers)):
            case = {key: left.pop(key)}
            killed = yield from _until_killed(measure, dict(case), 1)
            if killed and (yield from _until_killed(measure, dict(case), 1)):
                found = "its process was killed twice, as happens when memory is full"
                yield key, f"{case[key].image}: {found}; crop the image, or use a machine with more memory"


def _until_killed(
    measure: partial, left: dict[str, Case], num_workers: int
) -> Generator[tuple[str, Measured | str], None, list[str]]:
    """Results until all are there or a process is killed; finished cases are removed from ``left``.

    Not by :class:`joblib.Parallel`, which does not report which cases were being measured.

    Returns:
        Keys of the cases that were being measured when a process was killed.
    """
    threads = str(max(joblib.cpu_count() // num_workers, 1))
    environment = {f"{name}_NUM_THREADS": threads for name in THREADED}
    executor = ProcessPoolExecutor(num_workers, env=environment, initializer=end_with_parent, initargs=(os.getpid(),))
    waiting = iter(list(left.items()))
    running: dict[Future, str] = {}
    try:
        while True:
            for key, case in itertools.islice(waiting, num_workers - len(running)):
                running[executor.submit(measure, key, case)] = key
            if not running:
                return []
            done, _ = wait(running, return_when=FIRST_COMPLETED)
            for future in [future for future in done if future.exception() is None]:
                del left[running.pop(future)]
                yield future.result()
            for future in done & running.keys():
                future.result()  # raises
    except BrokenProcessPool:
        if not running:  # no process can be started
            raise
        return list(running.values())
    finally:  # an executor of its own, as joblib cannot take over loky's shared one
        executor.shutdown(kill_workers=True)


def _by_cluster(measure: partial, todo: Mapping[str, Case], scheduler: str) -> Iterator[tuple[str, Measured | str]]:
    """Results of a Dask cluster, in order of completion.

    The scheduler reassigns the cases of a lost worker, and gives up on a case that has killed several workers. (The
    Dask backend of joblib keeps its arguments on the workers, and may wait forever for those of a lost worker.)
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
                failure = future.exception()
                yield futures[future], f"{type(failure).__name__}: {' '.join(str(failure).split())}"


def _measure_one(key: str, case: Case, cache: FeatureCache, settings: RadiomicsSettings) -> tuple[str, Measured | str]:
    try:
        wanted = RadiomicsSettings.load(settings, mask_label=case.label)
        measured = measure_features(case.image, case.mask, wanted, channel=case.channel)
    except InputError as error:
        return key, str(error)
    except Exception as error:  # one failing case must not stop the cohort
        return key, f"{type(error).__name__}: {' '.join(str(error).split())}"
    if not measured.faults:
        cache.store(key, measured)
    return key, measured
