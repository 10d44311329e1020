"""A comparison on a cluster that loses a worker process."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections import Counter

import pytest

from common.evaluation import LabelFractions
from tests.common.evaluation.protocols.fake_bundle import write_cohort
from tests.common.evaluation.protocols.fake_labels import write_label_bundle
from tests.common.evaluation.protocols.test_parallel_comparisons import contents
from tests.common.evaluation.protocols.without_figures import draw_nothing
from tests.python_commands import fork_dask_workers

distributed = pytest.importorskip("distributed")


@pytest.mark.slow
def test_a_comparison_that_loses_a_worker_midway_has_the_table_of_one_process_and_no_task_is_done_twice(
    project, tmp_path, monkeypatch
):
    import dask

    draw_nothing(monkeypatch)
    monkeypatch.setenv("PYTHONPATH", str(project))
    fork_dask_workers(monkeypatch)
    bundle, data = write_label_bundle(tmp_path / "bundle"), write_cohort(tmp_path / "data")
    options = {"methods": ["scratch+cgc", "radiomics", "simsiam+linear_probe"], "fractions": [1.0], "resamples": 50}
    LabelFractions(bundle, data, tmp_path / "one", **options).run()
    done: Counter[str] = Counter()
    keep = LabelFractions._keep
    monkeypatch.setattr(
        LabelFractions, "_keep", lambda self, task, cost: done.update([task.name]) or keep(self, task, cost)
    )
    local = {"threads_per_worker": 1, "processes": True, "dashboard_address": None, "silence_logs": 50}
    with (
        dask.config.set({"distributed.worker.daemon": False}),
        distributed.LocalCluster(n_workers=2, **local) as cluster,
    ):
        with distributed.Client(cluster) as client:
            first = next(iter(client.run(os.getpid).values()))
        comparison = LabelFractions(bundle, data, tmp_path / "two", scheduler=cluster.scheduler_address, **options)

        def kill_midway() -> None:
            while not done:
                time.sleep(0.005)
            os.kill(first, signal.SIGKILL)

        thread = threading.Thread(target=kill_midway, daemon=True)
        thread.start()
        comparison.run()
        thread.join(timeout=60)
        with pytest.raises(ProcessLookupError):
            os.kill(first, 0)  # it is gone
    starts = [len(path.read_text().splitlines()) for path in (tmp_path / "two").rglob("starts.txt")]
    assert len(starts) == 3 and sum(starts) <= len(starts) + 1  # what the killed worker was running is run again
    assert set(done) == {task.name for task in comparison.tasks()} and set(done.values()) == {1}
    assert contents(tmp_path / "one") == contents(tmp_path / "two")
