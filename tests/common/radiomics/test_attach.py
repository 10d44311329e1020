from __future__ import annotations

import contextlib
import json
import os
import sys

import nibabel as nib
import numpy as np
import pandas as pd
import pytest
import torch
from monai.data import CacheDataset, DataLoader
from monai.transforms import Compose, EnsureChannelFirstd, LoadImaged

from common.errors import InputError
from common.feature_table import feature_columns
from common.radiomics import attach_radiomics, extract_table, workers
from common.radiomics.attach import _first_process_first
from common.radiomics.scaling import FittedScaling, scaling_pipeline
from common.transforms import RadiomicsFeaturesd
from tests.python_commands import Command

pytest.importorskip("radiomics")

SETTINGS = {
    "imageType": {"Original": {}, "Gradient": {}},
    "featureClass": {"firstorder": [], "glcm": ["Contrast"]},
    "setting": {"binWidth": 20, "label": 2},
}


@pytest.fixture
def rows(tmp_path):
    """Six small lesions (label 2) beside other tissue (1), brighter from row to row."""
    rows = []
    for i in range(6):
        rng = np.random.default_rng(i)
        mask = np.zeros((16, 16, 16), dtype=np.uint8)
        mask[2:6, 2:6, 2:6], mask[7:12, 7:12, 7 : 11 + i % 2] = 1, 2
        image = rng.normal(300 + 40 * i, 60 + 5 * i, mask.shape).astype(np.float32)
        for name, voxels in (("image", image), ("mask", mask)):
            nib.save(nib.Nifti1Image(voxels, np.diag([1.0, 1.0, 2.0, 1.0])), tmp_path / f"{name}{i}.nii.gz")
        files = {name: str(tmp_path / f"{name}{i}.nii.gz") for name in ("image", "mask")}
        rows.append({**files, "subject": f"s{i}", "label": i % 2, "fold": i % 3, "index": i})
    return rows


@pytest.fixture
def attach(tmp_path):
    def call(rows, **kwargs):
        kwargs = {"cache_dir": tmp_path / "cache", "scaling": tmp_path / "scaling.json", "num_workers": 1} | kwargs
        return attach_radiomics(rows, SETTINGS, **kwargs)

    return call


def test_the_scale_is_that_of_the_training_rows_alone(rows, attach, tmp_path):
    train, test = rows[:4], rows[4:]
    vectors = torch.stack([row["radiomics"] for row in attach(train, fit=True)]).numpy()
    table = extract_table(rows, cache_dir=tmp_path / "cache", settings=SETTINGS, num_workers=1)
    values = table[feature_columns(table)].to_numpy()
    values = values[:, values[:4].std(axis=0) > 0]
    mean, std = values[:4].mean(axis=0), values[:4].std(axis=0)
    np.testing.assert_allclose(vectors, (values[:4] - mean) / std, rtol=1e-4, atol=1e-5)
    held_out = torch.stack([row["radiomics"] for row in attach(test)]).numpy()
    np.testing.assert_allclose(held_out, (values[4:] - mean) / std, rtol=1e-4, atol=1e-4)
    assert abs(held_out.mean(axis=0)).max() > 0.5  # the test rows are brighter, which the scaling must not hide


def test_rows_are_copies_with_a_float32_vector_that_loaders_batch(rows, attach):
    before = [dict(row) for row in rows]
    result = attach(rows, fit=True)
    assert rows == before
    assert [{k: v for k, v in row.items() if k != "radiomics"} for row in result] == before
    size = len(result[0]["radiomics"])
    assert all(row["radiomics"].dtype == torch.float32 and row["radiomics"].shape == (size,) for row in result)
    dataset = CacheDataset(result, Compose([LoadImaged("image", ensure_channel_first=True)]), progress=False)
    batch = next(iter(DataLoader(dataset, batch_size=4)))
    assert batch["radiomics"].shape == (4, size) and torch.equal(batch["radiomics"][2], result[2]["radiomics"])


def test_the_file_is_a_fitted_scaling_that_inference_takes(rows, attach, tmp_path):
    result = attach(rows, fit=True)
    content = json.loads((tmp_path / "scaling.json").read_text())
    assert len(content["columns"]) == len(result[0]["radiomics"]) > 30
    load = Compose([LoadImaged(["image", "mask"]), EnsureChannelFirstd(["image", "mask"])])
    features = RadiomicsFeaturesd(settings=SETTINGS, scaling=tmp_path / "scaling.json")(load(rows[3]))["radiomics"]
    torch.testing.assert_close(features, result[3]["radiomics"], rtol=1e-4, atol=1e-4)
    assert sorted(path.name for path in tmp_path.glob("*scaling*")) == ["scaling.json"]  # nothing half-written


def test_shuffled_features_are_the_same_ones_in_other_rows(rows, attach):
    own = attach(rows, fit=True)
    dealt = attach(rows, shuffle_seed=1)
    again, other = attach(rows, shuffle_seed=1), attach(rows, shuffle_seed=2)
    vectors = {tuple(row["radiomics"].tolist()): row["subject"] for row in own}
    owners = [vectors[tuple(row["radiomics"].tolist())] for row in dealt]
    assert sorted(owners) == [row["subject"] for row in rows]
    assert all(owner != row["subject"] for owner, row in zip(owners, rows, strict=True))
    assert all(torch.equal(one["radiomics"], two["radiomics"]) for one, two in zip(dealt, again, strict=True))
    assert any(not torch.equal(one["radiomics"], two["radiomics"]) for one, two in zip(dealt, other, strict=True))


def test_lesions_that_cannot_be_measured_are_listed_together_and_nothing_is_written(rows, attach, tmp_path):
    nib.save(nib.Nifti1Image(np.zeros((16,) * 3, np.uint8), np.diag([1.0, 1, 2, 1])), rows[1]["mask"])
    (tmp_path / "image4.nii.gz").unlink()
    with pytest.raises(InputError) as error:
        attach(rows, fit=True)
    lines = str(error.value).splitlines()
    assert lines[0] == "radiomics: lesions that cannot be measured: 2 problems"
    assert lines[1].startswith("  subject s1: ") and "empty" in lines[1]
    assert lines[2].startswith("  subject s4: ") and "no such file" in lines[2]
    assert lines[3] == "correct their files, or delete their rows from the datalist"
    assert not (tmp_path / "scaling.json").exists()


def test_a_single_gap_is_filled_by_the_training_median(rows, attach, tmp_path):
    attach(rows, fit=True)
    table = extract_table(rows, cache_dir=tmp_path / "cache", settings=SETTINGS, num_workers=1)
    names = feature_columns(table)
    table.loc[2, names[0]] = np.nan
    fitted = FittedScaling.of(scaling_pipeline().fit(table[names].to_numpy()), names)
    filled = fitted.transform(pd.DataFrame([{**table.iloc[2], names[0]: np.nan}]))[0, 0]
    others = np.delete(table[names[0]].to_numpy(), 2)
    values = np.append(others, np.median(others))
    assert filled == pytest.approx((np.median(others) - values.mean()) / values.std())


def test_alike_features_are_left_out_when_asked_for_the_test_rows_too(rows, attach):
    vectors = torch.stack([row["radiomics"] for row in attach(rows[:4], fit=True, max_correlation=0.9)])
    correlation = np.corrcoef(vectors.numpy(), rowvar=False) - np.eye(vectors.shape[1])
    assert abs(correlation).max() <= 0.9 + 1e-6
    assert attach(rows[4:])[0]["radiomics"].shape == vectors.shape[1:] < attach(rows, fit=True)[0]["radiomics"].shape


def test_a_scale_of_other_settings_and_a_missing_one_are_reported(rows, attach, tmp_path):
    with pytest.raises(InputError, match=r"scaling.json: No such file or directory; expected the scaling saved beside"):
        attach(rows)
    attach(rows, fit=True)
    other = {**SETTINGS, "imageType": {"Original": {}}}
    with pytest.raises(InputError, match=r"features are missing .* extract with the settings of the training"):
        attach_radiomics(rows, other, tmp_path / "cache", tmp_path / "scaling.json", num_workers=1)


def test_without_pyradiomics_one_line_states_how_to_install_it(rows, attach, monkeypatch):
    monkeypatch.setitem(sys.modules, "radiomics", None)
    with pytest.raises(InputError, match=r"^PyRadiomics is not installed: .* run: bash scripts/install.sh radiomics$"):
        attach(rows, fit=True)


def test_a_second_run_measures_nothing(rows, attach, monkeypatch):
    def refuse(*args, **kwargs):
        raise AssertionError("measured again")

    first = attach(rows, fit=True)
    monkeypatch.setattr(workers, "measure_features", refuse)
    second = attach(rows)
    assert all(torch.equal(one["radiomics"], two["radiomics"]) for one, two in zip(first, second, strict=True))


@pytest.mark.parametrize("rank", [0, 1])
@pytest.mark.parametrize("fails", [False, True])
def test_the_first_process_always_lets_the_others_go_on(monkeypatch, rank, fails):
    """The first process works before the barrier, the others after it."""
    steps = []
    monkeypatch.setattr(torch.distributed, "is_initialized", lambda: True)
    monkeypatch.setattr(torch.distributed, "get_world_size", lambda: 2)
    monkeypatch.setattr(torch.distributed, "get_rank", lambda: rank)
    monkeypatch.setattr(torch.distributed, "barrier", lambda: steps.append("barrier"))
    with contextlib.suppress(ZeroDivisionError), _first_process_first() as is_first:
        steps.append("work")
        assert is_first == (rank == 0)
        1 / (not fails)
    assert steps == (["work", "barrier"] if rank == 0 else ["barrier", "work"])


TWO_PROCESSES = """
import datetime, json, sys
import torch.distributed as dist
from common.radiomics import attach_radiomics, cohort
rank, folder = int(sys.argv[1]), sys.argv[2]
timeout = datetime.timedelta(seconds=240)
dist.init_process_group("gloo", f"file://{folder}/store", rank=rank, world_size=2, timeout=timeout)
job = json.load(open(f"{folder}/job.json"))
there = []
stock = cohort.measure_cases
def count(cases, cache, *args, **kwargs):
    there.append(len(list(cache.folder.glob("*.json"))))
    return stock(cases, cache, *args, **kwargs)
cohort.measure_cases = count
files = [f"{folder}/cache", f"{folder}/scaling{rank}.json"]
rows = attach_radiomics(job["rows"], job["settings"], *files, fit=True, num_workers=1)
print(json.dumps([there[0], sum(float(row["radiomics"].sum()) for row in rows)]))
dist.destroy_process_group()
"""


@pytest.mark.slow
def test_of_two_processes_the_second_takes_what_the_first_measured(rows, tmp_path, project):
    (tmp_path / "job.json").write_text(json.dumps({"rows": rows, "settings": SETTINGS}))
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    commands = [Command(["-c", TWO_PROCESSES, rank, tmp_path], project, environment) for rank in range(2)]
    results = [command.result() for command in commands]
    assert all(result.returncode == 0 for result in results), results
    first, second = (json.loads(result.stdout.splitlines()[-1]) for result in results)
    assert (first[0], second[0]) == (0, len(rows)) and first[1] == second[1]
