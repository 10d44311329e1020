"""Feature table of a datalist: cached, in parallel, and robust against single failing cases."""

from __future__ import annotations

import logging
import math
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ..errors import InputError
from ..feature_table import KEY_COLUMNS
from .cache import FeatureCache
from .cases import Case, find_case, modality_prefixes
from .engine import Measured
from .schema import feature_names
from .settings import RadiomicsSettings
from .workers import measure_cases

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["extract_records", "extract_table"]

logger = logging.getLogger(__name__)


def extract_records(
    rows: Sequence[Mapping[str, Any]],
    *,
    cache_dir: str | Path,
    settings: RadiomicsSettings | str | Path | Mapping[str, Any] | None = None,
    mask_label: int | None = None,
    modality: int | str | None = None,
    modality_names: Sequence[str] | None = None,
    num_workers: int | None = None,
    scheduler: str | None = None,
    progress: bool = True,
) -> list[dict[str, Any]]:
    """Traditional features of a cohort, one row per datalist row.

    Jian et al. extract "107 traditional radiomics features" for "each volume" of BraTS with its four modalities, so
    from one modality, which they do not specify. The first file is **ours**.

    A lesion that cannot be measured keeps its row, with NaN in all columns and the reason in ``status``; if only a
    filter failed, its columns are NaN and ``status`` names it. All failures are listed at the end. A run that was
    killed continues from the cache, and a second run only hashes the files.

    Args:
        rows: datalist rows with ``image`` (a file, a folder of DICOM, or one per modality), ``mask``, ``subject`` and
            optionally ``fold``, ``label``; see :func:`common.data.load_datalist`.
        cache_dir: cache folder of the results; several cohorts and settings may share it.
        settings: PyRadiomics parameters, see :meth:`RadiomicsSettings.load`.
        mask_label: label of the mask to measure; by default all labels above 0 together.
        modality: index of the modality to measure, by default the first file, which then must have one channel; or
            ``"all"``: columns are prefixed by modality, and shape features, which are the same for all, appear once.
        modality_names: names for the prefixes; by default ``modality0``, ``modality1``, ...
        num_workers: number of processes; by default one per core.
        scheduler: address of a Dask scheduler whose workers measure instead, e.g. ``tcp://host:8786``.
        progress: whether to show progress bars.

    Returns:
        By row, values of ``subject, fold, label, status``, ``session`` and ``row`` if the rows have them, and of each
        feature; all cohorts of 3D images have the same names, and all cohorts of 2D images.

    Raises:
        InputError: PyRadiomics is not installed, the settings are invalid, there are no rows, or no lesion could be
            measured.
    """
    if not rows:
        raise InputError("radiomics: no rows to measure; expected at least one in the datalist")
    settings = RadiomicsSettings.load(settings, mask_label=mask_label)
    prefixes = modality_prefixes(rows, modality, modality_names)
    cases = [[find_case(row, index) for index in prefixes] for row in rows]
    cache = FeatureCache(cache_dir, settings)
    fit = [case for row in cases for case in row if isinstance(case, Case)]
    results = measure_cases(fit, cache, settings, num_workers=num_workers, scheduler=scheduler, progress=progress)
    dimension = _agree_on_dimension(results)
    names = feature_names(settings, dimension)
    records = []
    for row, row_cases in zip(rows, cases, strict=True):
        outcomes = {
            prefix: results[case] if isinstance(case, Case) else case
            for prefix, case in zip(prefixes.values(), row_cases, strict=True)
        }
        keys = {"subject": str(row.get("subject", "")), "fold": row.get("fold"), "label": row.get("label")}
        place = {key: row[key] for key in ("session", "row") if key in row}
        records.append({**keys, **place, **_merge(outcomes, names)})
    _report_failures(records)
    return records


def extract_table(rows: Sequence[Mapping[str, Any]], **options: Any) -> pd.DataFrame:
    """Like :func:`extract_records`, with the same arguments, as a table with one row per datalist row."""
    import pandas as pd  # here, as it takes 70 MB, which measuring does not need

    return pd.DataFrame.from_records(extract_records(rows, **options)).astype({"fold": "Int64", "label": "Int64"})


def _agree_on_dimension(results: dict[Case, Measured | str]) -> int:
    """The dimension of most images, 2 or 3; others fail, because their features have other names."""
    counts = Counter(result.dimension for result in results.values() if isinstance(result, Measured))
    dimension = counts.most_common(1)[0][0] if counts else 3
    for case, result in results.items():
        if isinstance(result, Measured) and result.dimension != dimension:
            results[case] = (
                f"{case.image}: {result.dimension}D, but most images are {dimension}D; extract them separately"
            )
    return dimension


def _merge(outcomes: Mapping[str, Measured | str], names: Sequence[str]) -> dict[str, Any]:
    """``status`` and features of one row; missing features are NaN."""
    problems: list[str] = []
    row: dict[str, Any] = {}
    for position, (prefix, result) in enumerate(outcomes.items()):
        owner = f"{prefix[:-1]}: " if prefix else ""
        measured = Measured() if isinstance(result, str) else result
        if isinstance(result, str):
            problems.append(owner + result)
        problems += [f"{owner}{name}: {reason}" for name, reason in measured.problems.items()]
        for name in names:
            shape = prefix and name.startswith("original_shape")
            if not shape or position == 0:
                row[name if shape else prefix + name] = measured.features.get(name, np.nan)
    empty = [name for name, value in row.items() if math.isnan(value)]
    if not problems and empty:
        problems = [f"{len(empty)} of {len(row)} features are not numbers ({', '.join(empty[:3])}, ...)"]
    return {"status": "; ".join(problems) or "ok", **row}


def _report_failures(records: Sequence[Mapping[str, Any]]) -> None:
    failed = [record for record in records if record["status"] != "ok"]
    if not failed:
        return
    lines = [f"{record['subject']}: {record['status']}" for record in failed]
    values = (value for record in records for name, value in record.items() if name not in KEY_COLUMNS)
    if len(failed) == len(records) and all(map(math.isnan, values)):
        raise InputError.of_rows("radiomics: no lesion could be measured", lines)
    logger.warning("radiomics: %d of %d cases are incomplete\n  %s", len(failed), len(records), "\n  ".join(lines))
