"""Where the CPU time of a comparison goes: networks and classifiers, or what is around them."""

from __future__ import annotations

import resource
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from functools import wraps
from typing import Any
from unittest.mock import patch

import pandas as pd
import torch
from monai.transforms import Compose
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV

from ..evaluation import LabelFractions
from ..radiomics import cohort
from ..transforms import BatchAugment

__all__ = ["ASKED", "CpuLedger", "measure_sweep", "sweep_table"]

#: What a comparison is for: all else is overhead.
ASKED = ("networks", "classifiers")
#: What is entered with all that it calls.
ALONE = (*ASKED, "augmentation", "preprocessing")
#: What is entered under each name: functions by their owner.
PLACES: dict[str, list[tuple[Any, str]]] = {
    "networks": [
        (torch.nn.Module, "__call__"),
        (torch.Tensor, "backward"),
        *((optimizer, "step") for optimizer in (torch.optim.Adam, torch.optim.AdamW, torch.optim.SGD)),
    ],
    "classifiers": [(GridSearchCV, "fit"), (LogisticRegression, "fit")],
    "augmentation": [(BatchAugment, "__call__")],
    "preprocessing": [(Compose, "__call__")],
    "radiomics": [(cohort, "measure_cases")],
    "checks before the first stage": [(LabelFractions, "_check_stages")],
    "report": [(LabelFractions, "_report")],
}


class CpuLedger:
    """CPU time of this process and its children, by what it was spent on; each moment is entered once.

    What is called by something that is entered under a name is entered under its own, except within :data:`ALONE`: a
    layer that augments images is augmentation, and no pass of a network.

    Attributes:
        seconds: CPU time by name, and under "other" that of all else since :meth:`watching` was entered.
    """

    def __init__(self) -> None:
        self.seconds: defaultdict[str, float] = defaultdict(float)
        self._now, self._last = "other", 0.0

    @contextmanager
    def watching(self) -> Iterator[None]:
        """Enter all of :data:`PLACES` as long as the context is open."""
        self._last = _cpu_seconds()
        with ExitStack() as stack:
            for name, functions in PLACES.items():
                for owner, function in functions:
                    entered = self._entered(name, getattr(owner, function))
                    stack.enter_context(patch.object(owner, function, entered))
            yield
            self._switch("other")

    def _entered(self, name: str, call: Callable) -> Callable:
        @wraps(call)
        def entered(*args: Any, **kwargs: Any) -> Any:
            """The call, whose time counts for ``name``."""
            before = self._now
            if before == name or before in ALONE:
                return call(*args, **kwargs)
            self._switch(name)
            try:
                return call(*args, **kwargs)
            finally:
                self._switch(before)

        return entered

    def _switch(self, name: str) -> None:
        now = _cpu_seconds()
        self.seconds[self._now] += now - self._last
        self._now, self._last = name, now


def measure_sweep(comparison: LabelFractions) -> dict[str, Any]:
    """Run a comparison in this process and enter its CPU time.

    Args:
        comparison: comparison of which nothing has been run, with one worker.

    Returns:
        ``seconds`` by what they were spent on, ``share`` of networks and classifiers, and the number of ``tasks``.
    """
    ledger = CpuLedger()
    tasks = len(list(comparison.tasks()))
    with ledger.watching():
        comparison.run()
    total = sum(ledger.seconds.values())
    share = sum(ledger.seconds[name] for name in ASKED) / total
    return {"seconds": dict(ledger.seconds), "share": share, "tasks": tasks, "methods": len(comparison.rows)}


def sweep_table(result: dict[str, Any]) -> str:
    """One line for each name of :func:`measure_sweep`."""
    seconds = result["seconds"]
    total = sum(seconds.values())
    table = pd.DataFrame(
        {"CPU time": name, "s": f"{found:.1f}", "share": f"{found / total:.3f}"}
        for name, found in sorted(seconds.items(), key=lambda item: -item[1])
    )
    head = f"{result['methods']} methods, {result['tasks']} tasks, {total:.1f} s of CPU time"
    return f"{head}\n{table.to_string(index=False)}\nnetworks and classifiers: {result['share']:.3f}"


def _cpu_seconds() -> float:
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(each.ru_utime + each.ru_stime for each in used)
