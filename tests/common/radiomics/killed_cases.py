"""Cases whose process is killed; a module of its own, as each new process imports it."""

from __future__ import annotations

import os
import signal
from pathlib import Path

from common.radiomics import workers

measure_one = workers._measure_one


def kill_by_name(key, case, cache, settings):
    """In place of ``_measure_one``: ``1_0`` kills its process once, ``2_0`` always."""
    before = Path(f"{case.image}.killed")
    if "2_0" in case.image or ("1_0" in case.image and not before.exists()):
        before.touch()
        os.kill(os.getpid(), signal.SIGKILL)
    return measure_one(key, case, cache, settings)
