"""Loading of a cohort for training by this checkout and by another one, such as an earlier version."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pandas as pd
from tqdm import tqdm

from .. import bundle_root
from ..errors import InputError
from .turns import Spread

__all__ = ["against_table", "measure_against"]

# What training does before its first step, in a process of the checkout: rows, checks of all files, cached dataset. The
# first pass imports what is needed and is not timed; the second checks as a first run does, the third finds the facts.
_LOAD = """
import json, sys, time
from monai.bundle import ConfigParser
config, options, folders = json.loads(sys.argv[1])
seconds = []
for folder in folders:
    parser = ConfigParser()
    parser.read_config(config)
    parser.update({**options, "cache_dir": folder})
    start = time.process_time()
    parser.get_parsed_content("train#dataset")
    seconds.append(time.process_time() - start)
import common
print(json.dumps({"seconds": seconds, "common": common.__file__}))
"""
_PASSES = ("first run", "later run")


def measure_against(
    checkout: str | Path, bundle: str, overrides: Mapping[str, Any], rounds: int = 5, config: str = "pretrain"
) -> dict[str, Any]:
    """CPU seconds in which this checkout and another one load the same cohort for training, in alternating processes.

    Each builds ``train#dataset`` of its own config, so reading, checks, preprocessing and cache are those of its own
    training. Files that an earlier version does not check cost it nothing.

    Args:
        checkout: folder of the other version, such as that of ``git worktree add ../before <commit>``.
        bundle: name of a bundle that both have.
        overrides: config ids and values for both, such as ``dataset_dir``.
        rounds: number of measurements of each; every second one starts with the other checkout.
        config: name of the config.

    Returns:
        ``settings``, and ``rows`` for a first run and a later one, which finds facts in the cache, as plain values.

    Raises:
        InputError: the folder is no checkout with this bundle, one of the two cannot load the cohort, or there is no
            round.
    """
    if rounds < 1:
        raise InputError(f"rounds: found {rounds}; expected a whole number from 1; correct it")
    roots = {"this": Path(bundle_root(bundle)).parents[1], "other": Path(checkout).resolve()}
    configs = {name: root / "bundles" / bundle / "configs" / f"{config}.yaml" for name, root in roots.items()}
    if not configs["other"].is_file():
        raise InputError(f"{configs['other']}: found no such file; expected a checkout with it; set --against")
    found: dict[str, list[list[float]]] = {name: [] for name in roots}
    for number in tqdm(range(rounds), "rounds"):
        for name in sorted(roots, reverse=number % 2 == 0):
            found[name].append(_seconds(roots[name], configs[name], overrides))
    rows = []
    for place, title in enumerate(_PASSES):
        times = {name: [each[place] for each in found[name]] for name in roots}
        ratio = Spread.of(this / other for this, other in zip(times["this"], times["other"], strict=True))
        seconds = {name: Spread.of(values)._asdict() for name, values in times.items()}
        rows.append({"loading": title, "seconds": seconds, "time over other": ratio._asdict()})
    return {"settings": {"rounds": rounds, "checkout": str(roots["other"]), "bundle": bundle}, "rows": rows}


def _seconds(root: Path, config: Path, overrides: Mapping[str, Any]) -> list[float]:
    """CPU seconds of a first and a later loading by one checkout, in a process of its own."""
    with TemporaryDirectory() as work:
        given = json.dumps([str(config), dict(overrides), [f"{work}/warm", f"{work}/cache", f"{work}/cache"]])
        environment = {**os.environ, "PYTHONPATH": str(root)}
        command = [sys.executable, "-c", _LOAD, given]
        result = subprocess.run(command, cwd=root, env=environment, capture_output=True, text=True)
    if result.returncode:
        last = (result.stderr.strip().splitlines() or ["no message"])[-1]
        raise InputError(f"{root}: cannot load the cohort ({last[:300]}); choose options that both checkouts have")
    content = json.loads(result.stdout.strip().splitlines()[-1])
    if not Path(content["common"]).resolve().is_relative_to(root):
        raise InputError(f"{root}: {content['common']} was imported instead of its common; give a checkout's folder")
    return content["seconds"][1:]


def against_table(result: Mapping[str, Any]) -> str:
    """One line per pass of :func:`measure_against`."""
    rows = []
    for row in result["rows"]:
        spread = row["time over other"]
        rows.append(
            {"loading": row["loading"]}
            | {f"{name}, CPU s": f"{found['median']:.3f}" for name, found in row["seconds"].items()}
            | {"this / other": f"{spread['median']:.3f} [{spread['min']:.3f}, {spread['max']:.3f}]"}
        )
    settings = result["settings"]
    note = f"median [min, max] of {settings['rounds']} rounds; other: {settings['checkout']}; processes alternate"
    return "\n".join([pd.DataFrame(rows).to_string(index=False), "", note])
