from __future__ import annotations

import os
import signal
import threading
import time

import nibabel
import numpy as np
import pandas as pd
import pytest

from common.errors import InputError
from common.radiomics import extract_table

pytest.importorskip("radiomics")
distributed = pytest.importorskip("distributed")

SETTINGS = {"imageType": {"Original": {}, "Wavelet": {}}}


@pytest.fixture
def rows(tmp_path):
    mask = np.zeros((30, 30, 20), dtype=np.uint8)
    mask[4:26, 4:26, 3:17] = 1
    nibabel.save(nibabel.Nifti1Image(mask, np.eye(4)), tmp_path / "mask.nii.gz")
    found = []
    for index in range(12):
        image = np.random.default_rng(index).normal(500, 90, mask.shape).astype(np.float32)
        nibabel.save(nibabel.Nifti1Image(image, np.eye(4)), tmp_path / f"{index}.nii.gz")
        found.append(
            {"image": str(tmp_path / f"{index}.nii.gz"), "mask": str(tmp_path / "mask.nii.gz"), "subject": index}
        )
    return found


@pytest.fixture
def cluster(project, monkeypatch):
    """A scheduler with two worker processes that can import this project."""
    monkeypatch.setenv("PYTHONPATH", str(project))
    with distributed.LocalCluster(
        n_workers=2, threads_per_worker=1, processes=True, dashboard_address=None, silence_logs=50
    ) as cluster:
        yield cluster


@pytest.mark.slow
def test_a_cluster_one_of_whose_workers_is_killed_gives_the_same_table(rows, cluster, tmp_path):
    pids = worker_pids(cluster)
    cache, killed = tmp_path / "cluster", []

    def kill_midway() -> None:
        while len(list(cache.glob("*.json"))) < 2:
            time.sleep(0.01)
        os.kill(pids[0], signal.SIGKILL)
        killed.append(len(list(cache.glob("*.json"))))

    thread = threading.Thread(target=kill_midway, daemon=True)
    thread.start()
    options = {"settings": SETTINGS, "progress": False}
    found = extract_table(rows, cache_dir=cache, scheduler=cluster.scheduler_address, **options)
    thread.join(timeout=5)
    assert killed and killed[0] < 12  # while there was work left
    here = extract_table(rows, cache_dir=tmp_path / "here", num_workers=1, **options)
    pd.testing.assert_frame_equal(found, here, check_exact=True)
    assert (found["status"] == "ok").all()


def worker_pids(cluster) -> list[int]:
    with distributed.Client(cluster) as client:
        return list(client.run(os.getpid).values())


def test_a_scheduler_that_is_not_there_is_named(rows, tmp_path, monkeypatch):
    from common.radiomics import workers

    monkeypatch.setattr(workers, "CONNECT_SECONDS", 1)
    with pytest.raises(InputError, match=r"scheduler: tcp://127.0.0.1:9 cannot be reached .*expected tcp://host:port"):
        extract_table(rows, cache_dir=tmp_path, scheduler="tcp://127.0.0.1:9", progress=False)
