from __future__ import annotations

import io
import os
import signal
import time
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from common.errors import InputError
from common.tasks import Task, Workers, run_tasks
from common.tasks import task as task_module
from common.tasks.cost import measured
from common.tasks.local_pool import LocalPool
from common.tasks.task import in_order
from tests.common.tasks.journal_tasks import (
    counted,
    killed_always,
    killed_once,
    make,
    make_after,
    meet,
    pids,
    refuse,
    task,
)
from tests.process_state import give_freed_memory_back


def of_two_seeds(folder) -> list[Task]:
    """Two chains of tasks, and one that needs both."""
    names = [task(folder, f"{kind}{seed}", *need) for seed in "01" for kind, need in (("a", ()), ("b", (f"a{seed}",)))]
    return [*names, task(folder, "all", "b0", "b1")]


def test_tasks_run_after_those_that_they_need_and_otherwise_in_the_given_order(tmp_path):
    tasks = of_two_seeds(tmp_path)
    assert [each.name for each in in_order(tasks)] == ["a0", "b0", "a1", "b1", "all"]
    assert [each.name for each in in_order(reversed(tasks))] == ["a1", "b1", "a0", "b0", "all"]
    assert [each.name for each in in_order([task(tmp_path, "b", "there already")])] == ["b"]


def test_the_bar_names_the_running_task_and_the_epochs_of_its_training(tmp_path, monkeypatch):
    monkeypatch.setattr(task_module, "EVERY", 0.01)
    monkeypatch.setattr(task_module, "bar_stream", lambda: terminal)
    terminal = io.StringIO()
    monkeypatch.setattr(terminal, "isatty", lambda: True, raising=False)

    def train():
        (tmp_path / "metrics.csv").write_text("epoch,loss\n1,0.5\n2,0.4\n")
        deadline = time.monotonic() + 60
        while "training, fold 0, epoch 2" not in terminal.getvalue() and time.monotonic() < deadline:
            time.sleep(0.01)

    run_tasks([Task("training, fold 0", tmp_path / "model.pt", train)], Workers(), "compare")
    assert "training, fold 0, epoch 2" in terminal.getvalue()


def test_two_tasks_that_make_one_file_or_need_each_other_are_refused(tmp_path):
    with pytest.raises(InputError, match=r"x: found two tasks that make it, x and x"):
        in_order([task(tmp_path, "x"), task(tmp_path, "x")])
    with pytest.raises(InputError, match="a, b need each other in a circle"):
        in_order([task(tmp_path, "a", "b"), task(tmp_path, "b", "a"), task(tmp_path, "c")])


@pytest.mark.parametrize("workers", [1, 2])
def test_each_task_runs_once_whatever_the_number_of_processes(tmp_path, workers):
    ended = []
    run_tasks(of_two_seeds(tmp_path), Workers(workers, gpus=False), "test", lambda task, cost: ended.append(task.name))
    names = ("a0", "b0", "a1", "b1", "all")
    assert counted(tmp_path) == dict.fromkeys([f"{what} {name}" for what in ("start", "end") for name in names], 1)
    assert (tmp_path / "all").read_text() == "all+b0+a0+b1+a1" and sorted(ended) == sorted(names)
    here = str(os.getpid()) in pids(tmp_path)
    assert here is (workers == 1)
    run_tasks(of_two_seeds(tmp_path), Workers(1), "test")
    assert set(counted(tmp_path).values()) == {1}


def test_two_processes_run_two_tasks_at_a_time(tmp_path):
    pairs = [("t0", "t1"), ("t1", "t0"), ("t2", "t3"), ("t3", "t2")]
    tasks = [Task(name, tmp_path / name, partial(meet, tmp_path, name, other)) for name, other in pairs]
    run_tasks(tasks, Workers(2, gpus=False), "test")
    assert all(each.makes.is_file() for each in tasks)


def test_a_task_whose_process_is_killed_is_run_again_and_no_other(tmp_path):
    killed = Task("k", tmp_path / "k", partial(killed_once, tmp_path, "k"))
    run_tasks([killed, *of_two_seeds(tmp_path)], Workers(2, gpus=False), "test")
    found = counted(tmp_path)
    assert found.pop("start k") == 2 and set(found.values()) == {1} and len(found) == 11


def test_a_process_that_is_killed_between_two_tasks_is_replaced(tmp_path):
    with LocalPool(1, []) as pool:
        pool.submit("a", partial(make, tmp_path, "a", ())).result()
        (pid,) = pids(tmp_path)
        os.kill(int(pid), signal.SIGKILL)
        deadline = time.monotonic() + 60
        while pool._executors[0]._flags.broken is None and time.monotonic() < deadline:  # until its executor knows
            time.sleep(0.01)
        pool.submit("b", partial(make, tmp_path, "b", ())).result()
    assert set(counted(tmp_path).values()) == {1} and len(pids(tmp_path)) == 2


def test_a_task_whose_processes_are_always_killed_is_reported(tmp_path):
    always = Task("too large", tmp_path / "k", partial(killed_always, tmp_path))
    with pytest.raises(InputError, match="too large: its process was killed 3 times"):
        run_tasks([always, task(tmp_path, "after", "k")], Workers(2, gpus=False), "test")
    assert counted(tmp_path) == {"start always": 3}


def test_after_a_failure_running_tasks_end_and_no_further_one_starts(tmp_path, monkeypatch):
    known = tmp_path / "the failure is known"
    monkeypatch.setattr(task_module.logger, "error", lambda _: known.touch())
    slow = Task("slow", tmp_path / "slow", partial(make_after, tmp_path, "slow", known))
    tasks = [slow, Task("bad", tmp_path / "bad", refuse), task(tmp_path, "next", "slow")]
    with pytest.raises(InputError, match=r"^bad: a\.json: no fold$"):
        run_tasks(tasks, Workers(2, gpus=False), "test")
    assert counted(tmp_path) == {"start slow": 1, "end slow": 1}


def test_processes_share_out_cores_and_each_sees_one_gpu(tmp_path, monkeypatch):
    monkeypatch.setattr("joblib.cpu_count", lambda: 6)
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    pool = LocalPool(8, ["4", "7"])
    assert pool.free(0) == 2
    with pool:
        futures = [pool.submit(name, partial(meet, tmp_path, name, other)) for name, other in ("ab", "ba")]
        for future in futures:
            future.result()
    assert {(tmp_path / name).read_text() for name in "ab"} == {"3 4", "3 7"}


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"number": 0}, "workers: found 0; expected a number of processes from 1"),
        ({"number": True}, "workers: found True"),
        ({"resources": {"GPU": 1}}, "resources: found some without a scheduler"),
        ({"number": 2, "scheduler": "tcp://a:1"}, "workers: found 2 beside scheduler"),
    ],
)
def test_workers_that_do_not_exist_are_refused(options, message):
    with pytest.raises(InputError, match=message):
        Workers(**options)


def test_the_cost_of_a_task_is_its_time_and_the_peak_of_memory_while_it_ran():
    def use(megabytes: int) -> None:
        held = np.ones(megabytes * 2**17)
        deadline = time.process_time() + 0.05
        while time.process_time() < deadline:
            held += 1

    give_freed_memory_back()
    large, small = measured(lambda: use(200)), measured(lambda: use(1))
    assert large.seconds >= large.cpu_seconds * 0.9 >= 0.04
    assert large.memory - small.memory > 150 * 2**20 or not Path("/proc/self/clear_refs").exists()
    assert small.gpu_memory == 0
