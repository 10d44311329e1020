"""What a study costs beyond its trainings: CPU time of the study over that of the same runs alone."""

from __future__ import annotations

import resource
import shutil
import statistics
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ..errors import InputError
from ..tasks.task import in_order
from .compare import comparison_of
from .finish import final_training_of
from .journal import Journal
from .plan import PLAN, read_plan
from .steps import Study

__all__ = ["measure_overhead", "overhead_table", "run_bare"]

CODE = "import sys; from {module} import {name} as run; run(*sys.argv[1:])"


def measure_overhead(planned: Path, folder: Path, rounds: int = 1) -> dict[str, Any]:
    """Run a planned study and, in another process, its trainings and evaluations alone, in turns.

    The study also checks, locks, logs, writes tables, figures and the page, calibrates, packages and tries. Both start
    from nothing but the plan, so both read the images and measure radiomics, if the plan has them.

    Args:
        planned: folder of a study with its plan.
        folder: folder for the copies, of which the last one stays.
        rounds: number of measurements of each.

    Returns:
        ``study`` and ``bare``, CPU seconds of each round; ``overhead``, the median ratio minus 1; ``steps``, seconds of
        the study's steps.

    Raises:
        InputError: there is no plan, or it has several workers; or a run fails.
    """
    if read_plan(planned).workers != 1:
        raise InputError(f"{planned / PLAN}: workers: found several; expected 1, or the CPU time is of other processes")
    found: dict[str, Any] = {"study": [], "bare": []}
    for _ in range(rounds):
        study = _copy(planned, folder / "study")
        found["study"].append(cpu_seconds("run_study", [str(study)]))
        method = Journal(study)["choice"]["text"]
        found["bare"].append(cpu_seconds("run_bare", [str(_copy(planned, folder / "bare")), method]))
    ratios = [one / other for one, other in zip(found["study"], found["bare"], strict=True)]
    steps = {name: step["seconds"] for name, step in Journal(folder / "study")["steps"].items()}
    return {**found, "overhead": statistics.median(ratios) - 1, "steps": steps}


def _copy(planned: Path, folder: Path) -> Path:
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    for name in (PLAN, "cohort.json", "datalist.json", "study.json"):
        if (planned / name).is_file():
            shutil.copyfile(planned / name, folder / name)
    return folder


def cpu_seconds(name: str, arguments: Sequence[str]) -> float:
    """CPU seconds of a function of this module in a process of its own.

    Raises:
        InputError: it fails.
    """

    def used() -> float:
        """CPU time of the child processes that have ended."""
        found = resource.getrusage(resource.RUSAGE_CHILDREN)
        return found.ru_utime + found.ru_stime

    before = used()
    command = [sys.executable, "-c", CODE.format(module=__name__, name=name), *arguments]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        raise InputError(f"{arguments[0]}: {name} failed: {done.stderr.strip()[-400:]}")
    return used() - before


def run_study(folder: str) -> None:
    """Finish a planned study."""
    Study(folder).finish()


def run_bare(folder: str, method: str) -> None:
    """Run the trainings, evaluations and probes of a plan and of its final method, and nothing else.

    Args:
        folder: folder with the plan.
        method: method of the final training.
    """
    study = Path(folder)
    plan = read_plan(study)
    tasks = list(comparison_of(study, plan).tasks())
    final = final_training_of(study, plan, method)
    for task in [*in_order(tasks), *(in_order(final.tasks()) if final is not None else ())]:
        task.call()


def overhead_table(found: dict[str, Any]) -> str:
    """The result of :func:`measure_overhead` as text."""
    lines = ["round  study (CPU s)  its runs alone (CPU s)  overhead"]
    for place, (study, bare) in enumerate(zip(found["study"], found["bare"], strict=True), 1):
        lines.append(f"{place:5d}  {study:13.1f}  {bare:22.1f}  {study / bare - 1:8.1%}")
    steps = ", ".join(f"{name} {seconds:.0f} s" for name, seconds in found["steps"].items())
    return "\n".join([*lines, f"overhead, median: {found['overhead']:.1%}; steps: {steps}"])
