"""A real study, killed at random moments and started again, against one that was never killed.

    python -m tests.common.study.kills siam3d_imbalance data kills --kills 10 --budget 1h

plans once, since a plan depends on the time that its steps take, and then finishes two copies of it: one without
interruption, one whose process group receives SIGKILL at random moments. The pages, their tables and figures, the
numbers of the comparison and the final weights must be equal; paths and seconds apart. Further options go to
``scripts/study.py``. The status is 1 if anything differs.
"""

from __future__ import annotations

import json
import os
import random
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import pandas as pd
import torch

from common.command_line import run_commands

ROOT = Path(__file__).resolve().parents[3]
START = 5.0  # seconds until a study that goes on is where it was; a kill comes later
KINDS = (".html", ".csv", ".svg", ".png", ".md", ".json")
DIGEST = re.compile(r"_[0-9a-f]{10}\.png$")


def kills(bundle: str, dataset_dir: str, output_dir: str, kills: int = 10, seed: int = 0, **options: Any) -> None:
    """Compare a study that is killed with one that is not.

    Args:
        bundle: name of the bundle.
        dataset_dir: folder of the cohort's datalist.json.
        output_dir: new folder for the plan and both studies.
        kills: number of kills.
        seed: random seed of their moments.
        **options: options of scripts/study.py, such as --budget 1h.
    """
    root = Path(output_dir).absolute()
    plan, reference = root / "plan", root / "never_killed"
    words = [f"--{name}={value if isinstance(value, str) else json.dumps(value)}" for name, value in options.items()]
    _run(["plan"], [bundle, "--dataset_dir", dataset_dir, "--output_dir", str(plan), "--until", "plan", *words])
    begun = time.monotonic()
    shutil.copytree(plan, reference)
    _run(["reference"], ["finish", str(reference)])
    whole = time.monotonic() - begun
    print(f"reference: {whole:.0f} s", flush=True)
    moments, made, number, differing = random.Random(seed), 0, 0, []
    while made < kills:
        number += 1
        study = root / f"killed{number}"
        shutil.copytree(plan, study)
        made += _killed(study, _gaps(moments, kills - made, whole))
        found = list(_differences(reference, study))
        differing += found
        print(f"{study.name}: {made} of {kills} kills so far, {len(found)} differences", *found, sep="\n  ", flush=True)
    sys.exit(bool(differing))


def _gaps(moments: random.Random, number: int, whole: float) -> list[float]:
    """Seconds between kills at uniformly random moments of a study."""
    times = [0.0, *sorted(moments.uniform(0, whole) for _ in range(number))]
    return [START + after - before for before, after in pairwise(times)]


def _killed(study: Path, gaps: Sequence[float]) -> int:
    """Finish a study that is killed after each gap; gives the number of kills."""
    for made, gap in enumerate(gaps):
        process = _start(["finish", str(study)])
        try:
            if process.wait(gap):
                raise SystemExit(f"{study}: failed with status {process.returncode}; see {study / 'logs'}")
            return made
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
    _run([study.name], ["finish", str(study)])
    return len(gaps)


def _start(words: Sequence[str]) -> subprocess.Popen[bytes]:
    command = [sys.executable, str(ROOT / "scripts/study.py"), *words]
    return subprocess.Popen(command, start_new_session=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def _run(what: Sequence[str], words: Sequence[str]) -> None:
    done = subprocess.run([sys.executable, str(ROOT / "scripts/study.py"), *words], stdout=subprocess.DEVNULL)
    if done.returncode:
        raise SystemExit(f"{what[0]}: failed with status {done.returncode}")


def _differences(reference: Path, study: Path) -> Iterator[str]:
    """Files of the page, the comparison's report and the final weights that differ."""
    for part in ("report.html", "report_files", "compare/report", "final/metrics.json", "final/calibration.json"):
        ones, others = (dict(_files(root, root / part)) for root in (reference, study))
        for name in sorted({*ones, *others}):
            if name not in ones or name not in others:
                yield f"{name}: only in {reference.name if name in ones else study.name}"
            elif _content(ones[name], reference) != _content(others[name], study):
                yield f"{name}: differs"
    if not _same_weights(reference / "final/model.pt", study / "final/model.pt"):
        yield "final/model.pt: other weights"


def _files(root: Path, part: Path) -> Iterator[tuple[str, Path]]:
    """Files by their name below the study; pictures without the digest, which depends on times."""
    for path in part.rglob("*") if part.is_dir() else [part]:
        if path.is_file() and path.suffix in KINDS:
            yield DIGEST.sub(".png", path.relative_to(root).as_posix()), path


def _content(path: Path, study: Path) -> bytes:
    """The content without the study's path and without seconds."""
    if path.name == "learning_curves.csv":
        return pd.read_csv(path).drop(columns="seconds").to_csv(index=False).encode()
    content = path.read_bytes()
    for name in (str(study), os.path.relpath(study), study.name):
        content = content.replace(name.encode(), b"study")
    return content


def _same_weights(one: Path, two: Path) -> bool:
    states = [torch.load(path, weights_only=True) for path in (one, two)]
    return states[0].keys() == states[1].keys() and all(
        torch.equal(value, states[1][name]) for name, value in states[0].items() if isinstance(value, torch.Tensor)
    )


if __name__ == "__main__":
    run_commands(kills)
