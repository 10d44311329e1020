from __future__ import annotations

import os
import signal
import subprocess
import sys
import time

import pytest

STARTS = """
import os, sys, time
from concurrent.futures import ProcessPoolExecutor as Standard
from multiprocessing import get_context
from joblib.externals.loky import ProcessPoolExecutor as Loky
from common.processes import end_with_parent

if __name__ == "__main__":
    options = {"initializer": end_with_parent, "initargs": (os.getpid(),)}
    pool = Loky(1, **options) if sys.argv[1] == "loky" else Standard(1, get_context("spawn"), **options)
    print(pool.submit(os.getpid).result(), flush=True)
    pool.submit(time.sleep, 600).result()
"""


@pytest.mark.parametrize("kind", ["loky", "spawn"])
def test_a_worker_in_the_midst_of_a_task_ends_when_its_parent_is_killed(tmp_path, kind):
    script = tmp_path / "starts.py"
    script.write_text(STARTS)
    environment = {**os.environ, "PYTHONPATH": os.getcwd()}
    parent = subprocess.Popen([sys.executable, script, kind], stdout=subprocess.PIPE, text=True, env=environment)
    worker = int(parent.stdout.readline())
    os.kill(worker, 0)  # alive
    parent.send_signal(signal.SIGKILL)
    parent.communicate()
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline and running(worker):
        time.sleep(0.1)
    assert not running(worker)


def running(pid: int) -> bool:
    try:
        with open(f"/proc/{pid}/stat") as file:
            return file.read().rsplit(")", 1)[1].split()[0] != "Z"
    except OSError:
        return False
