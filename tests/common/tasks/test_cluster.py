from __future__ import annotations

import os
import signal
import threading
import time

import pytest

from common.errors import InputError
from common.tasks import Workers, run_tasks
from tests.common.tasks.journal_tasks import counted, task

distributed = pytest.importorskip("distributed")


@pytest.fixture(scope="module")
def cluster(project):
    """A scheduler with two worker processes that can import this project and start processes."""
    import dask

    with pytest.MonkeyPatch.context() as patch, dask.config.set({"distributed.worker.daemon": False}):
        patch.setenv("PYTHONPATH", str(project))
        options = {"threads_per_worker": 1, "processes": True, "dashboard_address": None, "silence_logs": 50}
        with distributed.LocalCluster(n_workers=2, resources={"GPU": 1}, **options) as cluster:
            yield cluster


def test_a_cluster_one_of_whose_workers_is_killed_loses_no_task_and_does_none_twice(cluster, tmp_path):
    names = [f"t{k}" for k in range(12)]
    tasks = [task(tmp_path, name, seconds=0.1) for name in names]
    tasks += [task(tmp_path, f"after {name}", name) for name in names] + [task(tmp_path, "all", *names)]
    with distributed.Client(cluster) as client:
        workers = list(client.run(os.getpid).values())

    def kill_midway() -> None:
        while not (tmp_path / "t3").exists():
            time.sleep(0.01)
        os.kill(workers[0], signal.SIGKILL)

    thread = threading.Thread(target=kill_midway, daemon=True)
    thread.start()
    run_tasks(tasks, Workers(scheduler=cluster.scheduler_address, resources={"GPU": 1}), "test")
    thread.join(timeout=5)
    found = counted(tmp_path)
    # a process that is killed between the file and its note is not noted: the file is what counts
    assert all((tmp_path / each.name).is_file() and found[f"end {each.name}"] <= 1 for each in tasks)
    assert sum(found[f"start {each.name}"] for each in tasks) - len(tasks) <= 1  # what was running is run again
    assert (tmp_path / "all").read_text() == "+".join(["all", *names])


def test_a_worker_with_several_threads_is_refused_as_tasks_share_random_states(project, tmp_path, monkeypatch):
    monkeypatch.setenv("PYTHONPATH", str(project))
    options = {"dashboard_address": None, "silence_logs": 50}
    with (
        distributed.LocalCluster(n_workers=1, threads_per_worker=2, processes=False, **options) as threads,
        pytest.raises(InputError, match="a worker has 2 threads, which share random states; use --nthreads 1"),
    ):
        run_tasks([task(tmp_path, "a")], Workers(scheduler=threads.scheduler_address), "test")


def test_a_scheduler_that_is_not_there_is_named(tmp_path, monkeypatch):
    monkeypatch.setattr("common.tasks.dask_pool.CONNECT_SECONDS", 1)
    with pytest.raises(InputError, match=r"scheduler: tcp://127.0.0.1:9 cannot be reached .*expected tcp://host:port"):
        run_tasks([task(tmp_path, "a")], Workers(scheduler="tcp://127.0.0.1:9"), "test")
