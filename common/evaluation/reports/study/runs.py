"""The trainings of a comparison: their curves, their weights, and what went wrong in them."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from ....errors import InputError
from ....feature_table import read_table
from ...predictions import Outcome

__all__ = ["collapsed", "read_curves", "trained_networks"]

LEAST_STD, LEAST_RANK, MOST_RANK_OF_OWN = 0.05, 3.0, 0.4  # bounds of CollapseMonitor
PATIENCE = 2  # epochs, its own
_PLACES = re.compile(r"(labels[\d.]+|seed\d+|fold\d+|all)$")


def read_curves(compare: Path, record: Mapping[str, Any] | None = None) -> pd.DataFrame:
    """Metrics of each epoch of all trainings, from their ``metrics.csv``.

    Args:
        compare: output folder of the comparison.
        record: content of ``study.json``, which has the names of the rows.

    Returns:
        The files' columns, with ``run`` (folder below ``compare``), ``method`` (name of its row or encoder, or the part
        of the folder that stands for it), ``labels`` (percent of labels, if they vary) and ``pretraining``; empty
        without any training.
    """
    tables, names = [], _names(record or {})
    for path in sorted(compare.rglob("metrics.csv")):
        parts = path.parent.relative_to(compare).parts
        if not parts or parts[0] in ("report", "logs") or not _PLACES.match(parts[-1]):
            continue
        table = pd.read_csv(path)
        if not {"epoch", "loss"} <= set(table.columns):
            continue
        labels = next((float(part[6:]) for part in parts if re.fullmatch(r"labels[\d.]+", part)), np.nan)
        folder = "/".join(part for part in parts if not _PLACES.match(part))
        first, _, modality = folder.partition("/")
        method = names.get(folder) or " + ".join([names.get(first, first), *filter(None, [modality])])
        pretraining = "own_key_rank" in table or "feature_std" in table or not (path.parent / "evaluate").is_dir()
        tables.append(table.assign(run="/".join(parts), method=method, labels=labels, pretraining=pretraining))
    return pd.concat(tables, ignore_index=True) if tables else pd.DataFrame()


def _names(record: Mapping[str, Any]) -> dict[str, str]:
    """Names of rows and of the encoders from which they start, by folder."""
    names: dict[str, str] = {}
    for row in record.get("rows", ()):
        names |= {row["folder"]: row["name"], **row.get("encoder", {})}
    return names


def collapsed(curves: pd.DataFrame, plan: Mapping[str, Any] | None = None) -> list[str]:
    """A line for each pre-training whose last epoch is beyond a bound of the collapse monitor, and what to try.

    Args:
        curves: result of :func:`read_curves`.
        plan: content of the study's ``plan.yaml``, whose budget may have shortened the pre-trainings.
    """
    found: list[str] = []
    remedies: dict[str, None] = {}
    if curves.empty:
        return found
    for run, rows in curves[curves["pretraining"]].groupby("run", sort=False):
        last, remedy = rows.iloc[-1], _calmer(rows)
        if last.get("feature_std", np.nan) < LEAST_STD:
            found.append(f"{run}: all features are nearly equal (standard deviation {last['feature_std']:.2f} of 1)")
        elif last.get("effective_rank", np.nan) < LEAST_RANK:
            found.append(f"{run}: the features span few dimensions (effective rank {last['effective_rank']:.1f})")
        elif last.get("own_key_rank", np.nan) > MOST_RANK_OF_OWN and _lasting(last.get("epochs_at_chance", np.nan)):
            found.append(f"{run}: images hardly find their second view (rank {last['own_key_rank']:.2f}, chance 0.5)")
            remedy = _longer(rows, _limiting_budget(plan or {}))
        elif last.get("epochs_unlearnt", 0) >= PATIENCE:
            found.append(
                f"{run}: for {last['epochs_unlearnt']:.0f} epochs the loss has been no lower than at the start, or "
                f"than by chance ({last['loss']:.3g} in the last)"
            )
            remedy = _longer(rows, _limiting_budget(plan or {}))
        else:
            continue
        remedies[remedy] = None
    return [*found, *remedies]


def _lasting(epochs: float) -> bool:
    """Whether own keys are not found for long enough; earlier versions did not write for how long."""
    return bool(np.isnan(epochs) or epochs >= PATIENCE)


def _calmer(rows: pd.DataFrame) -> str:
    """What to try where features collapse."""
    rate = float(rows["learning_rate"].max()) if "learning_rate" in rows else np.nan
    lower = f"{rate / 10:.1g}, a tenth of now" if np.isfinite(rate) else "a tenth of now"
    value = lower.partition(",")[0] if np.isfinite(rate) else "..."
    return (
        f"To try against a collapse: a learning rate of {lower}, or larger batches. Repeat the command with "
        f'--pretrain "{{learning_rate: {value}}}" and another --output_dir'
    )


def _limiting_budget(plan: Mapping[str, Any]) -> float | None:
    """Seconds of the budget that has shortened the pre-trainings; ``None`` if none has."""
    shortened = (plan.get("estimate") or {}).get("shortened", ["pretrain"])  # plans of earlier versions do not say
    return (plan.get("budget") or {}).get("seconds") if "pretrain" in shortened else None


def _longer(rows: pd.DataFrame, budget: float | None) -> str:
    """What to try where nothing is learnt."""
    epochs = int(rows["epoch"].max())
    option = f'--pretrain "{{max_epochs: {2 * epochs}}}"' if budget is None else f"--budget {2 * budget / 60:.0f}m"
    return (
        f"To try where little was learnt: a longer pre-training than {epochs} epochs. Repeat the command with {option} "
        "and another --output_dir"
    )


def trained_networks(compare: Path, outcome: Outcome, predictions: pd.DataFrame) -> dict[int, Path]:
    """Weights of a fine-tuned method by fold, of its first seed and the largest fraction of labels.

    The folders of a comparison do not name its rows, so the weights are those beside the predictions that the report
    has for the method.

    Args:
        compare: output folder of the comparison.
        outcome: predictions of the method.
        predictions: predictions of all methods as in the report.

    Returns:
        Empty for a method without a network of its own, such as a linear probe.
    """
    rows = predictions[(predictions["set"] == outcome.name) & (predictions["fraction"] == outcome.fraction)]
    rows = rows[rows["seed"] == outcome.seeds[0]]
    found: dict[int, Path] = {}
    for path, table in _evaluated(compare):
        expected = rows[rows["subject"].isin(table["subject"])]
        if len(expected) == len(table) and _same(table, expected):
            found.setdefault(int(expected["fold"].iloc[0]), path)
    return found


def _evaluated(compare: Path) -> Iterator[tuple[Path, pd.DataFrame]]:
    for path in sorted(compare.rglob("evaluate/predictions.csv")):
        weights = path.parent.parent / "model.pt"
        if weights.is_file():
            try:
                yield weights, read_table(path, ("subject", "session", "set", "missing"))
            except InputError:
                continue


def _same(table: pd.DataFrame, expected: pd.DataFrame) -> bool:
    """Whether two tables have the same probabilities for the same images."""
    keys = ["subject", *(["row"] if "row" in table and "row" in expected else [])]
    one, two = (each.sort_values(keys)["probability_0"].to_numpy(dtype=float) for each in (table, expected))
    return bool(np.allclose(one, two, atol=1e-9))
