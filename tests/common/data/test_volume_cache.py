from __future__ import annotations

import errno
import shutil
import signal
from pathlib import Path

import numpy as np
import pytest
import torch
from monai.data import CacheDataset, DataLoader, Dataset
from monai.transforms import (
    Compose,
    EnsureTyped,
    LoadImaged,
    MapTransform,
    Orientationd,
    RandFlipd,
    ScaleIntensityd,
    SelectItemsd,
)

from common.data import (
    DiskCacheDataset,
    SharedCacheDataset,
    cached_dataset,
    file_digests,
    load_datalist,
    stored_items,
    volume_cache,
)
from common.errors import InputError
from tests.python_commands import run_python

KEYS = ["image", "label", "subject", "index", "age"]
SELECTED = [["image", "index", "label"], ["image", "label"], ["image", "label", "subject", "row", "fold"]]


class Counted(MapTransform):
    """An identity transform that counts its calls."""

    calls = 0

    def __call__(self, data):
        Counted.calls += 1
        return dict(data)


def preprocessing(keys=("image",), dtype=torch.uint8, random=()):
    return Compose(
        [
            LoadImaged(keys, ensure_channel_first=True),
            Orientationd(keys, axcodes="RAS", labels=None),
            Counted(keys),
            ScaleIntensityd("image", 0.0, 255.0),
            EnsureTyped(keys, dtype=dtype, track_meta=False),
            SelectItemsd(KEYS, allow_missing_keys=True),
            *random,
        ]
    )


@pytest.fixture
def rows(cohort):
    for row in cohort.rows:
        row |= {"image": row["image"][0], "age": 70.5}
    return load_datalist(cohort.save(), check="none")


def calls_of(function) -> int:
    Counted.calls = 0
    function()
    return Counted.calls


def same(one, other):
    assert one.keys() == other.keys()
    for key in one:
        if isinstance(one[key], torch.Tensor):
            assert one[key].dtype == other[key].dtype and torch.equal(one[key], other[key])
        else:
            assert one[key] == other[key] and type(one[key]) is type(other[key])


@pytest.mark.parametrize("dtype", [torch.uint8, torch.float16, torch.float32])
def test_the_disk_gives_what_the_transforms_give_at_the_first_and_at_later_times(rows, tmp_path, dtype):
    plain = Dataset(rows, preprocessing(dtype=dtype))
    disk = DiskCacheDataset(rows, preprocessing(dtype=dtype), tmp_path / "cache")
    for _ in range(2):
        for one, other in zip(plain, disk, strict=True):
            same(one, other)
    assert disk[0]["image"].dtype == dtype and type(disk[0]["image"]) is torch.Tensor


def test_the_work_is_done_once_for_all_runs(rows, tmp_path):
    assert calls_of(lambda: list(DiskCacheDataset(rows, preprocessing(), tmp_path))) == len(rows)
    assert calls_of(lambda: list(DiskCacheDataset(rows, preprocessing(), tmp_path))) == 0


def test_only_what_comes_before_the_first_random_transform_is_stored(rows, tmp_path):
    transform = preprocessing(random=[RandFlipd("image", prob=0.5, spatial_axis=0)])
    plain, disk = Dataset(rows, preprocessing())[0]["image"], DiskCacheDataset(rows, transform, tmp_path)
    transform.set_random_state(3)
    drawn = []
    assert calls_of(lambda: drawn.extend(disk[0]["image"] for _ in range(12))) == 1
    flipped = [torch.equal(image, plain.flip(1)) for image in drawn]
    assert all(turned or torch.equal(image, plain) for turned, image in zip(flipped, drawn, strict=True))
    assert 0 < sum(flipped) < 12


def test_a_changed_file_or_setting_is_noticed_and_a_moved_file_or_another_fold_is_not(rows, tmp_path, cohort):
    cache = tmp_path / "cache"
    list(DiskCacheDataset(rows, preprocessing(), cache))
    assert calls_of(lambda: list(DiskCacheDataset(rows, preprocessing(dtype=torch.float16), cache))) == len(rows)
    moved = shutil.copy(rows[0]["image"], tmp_path / "elsewhere.nii.gz")
    elsewhere = {**rows[0], "image": str(moved), "fold": 9, "row": 8, "index": 5}
    found = []
    assert calls_of(lambda: found.append(DiskCacheDataset([elsewhere], preprocessing(), cache)[0])) == 0
    assert found[0]["index"] == 5 and "fold" not in found[0]
    cohort.nifti("s0_t1.nii.gz", cohort.noise(seed=99))
    assert calls_of(lambda: list(DiskCacheDataset(rows, preprocessing(), cache))) == 1


def test_a_damaged_file_is_computed_again(rows, tmp_path, caplog):
    first = DiskCacheDataset(rows, preprocessing(), tmp_path)[0]
    file = next(tmp_path.glob("*.npz"))
    for damage in (file.read_bytes()[:-20], b"", file.read_bytes().replace(b"\x80", b"\x81")):
        file.write_bytes(damage)
        same(DiskCacheDataset(rows, preprocessing(), tmp_path)[0], first)
        assert "damaged" in caplog.text
        caplog.clear()


def test_pickles_are_neither_written_nor_read(rows, tmp_path):
    list(DiskCacheDataset(rows, preprocessing(), tmp_path))
    for file in tmp_path.glob("*.npz"):
        with np.load(file, allow_pickle=False) as stored:
            assert all(stored[name].dtype != object for name in stored)
    file = next(tmp_path.glob("*.npz"))
    np.savez(file, plain=np.array([{"evil": 1}], dtype=object))
    assert all("evil" not in item for item in DiskCacheDataset(rows, preprocessing(), tmp_path))


KILLED = """
import os, signal, sys
from common import files
from tests.common.data.test_volume_cache import *
rows = load_datalist(sys.argv[1], check="none")
replace, written = os.replace, []
def dying(source, target):
    if str(target).endswith(".npz"):
        written.append(target)
        if len(written) == 4:
            os.kill(os.getpid(), signal.SIGKILL)
    replace(source, target)
files.os.replace = dying
list(DiskCacheDataset(rows, preprocessing(), sys.argv[2]))
"""


def test_a_run_killed_while_writing_leaves_nothing_broken_and_another_process_goes_on(rows, cohort, tmp_path, project):
    cache = tmp_path / "cache"
    done = run_python(["-c", KILLED, cohort.path, cache], project)
    assert done.returncode == -signal.SIGKILL, done.stderr
    assert len(list(cache.glob("[!.]*.npz"))) == 3
    found = []
    assert calls_of(lambda: found.extend(DiskCacheDataset(rows, preprocessing(), cache))) == len(rows) - 3
    for one, other in zip(found, Dataset(rows, preprocessing()), strict=True):
        same(one, other)


def test_a_label_map_is_stored_with_its_image_and_its_content_counts(cohort, tmp_path):
    cohort.content["labels"] = {"0": "background", "1": "lesion"}
    for row in cohort.rows:
        row |= {"image": row["image"][0], "label": row.pop("mask")}
    rows = load_datalist(cohort.save(), label="mask")
    transform = preprocessing(("image", "label"))
    same(DiskCacheDataset(rows, transform, tmp_path / "c")[1], Dataset(rows, transform)[1])
    cohort.nifti("s1_seg.nii.gz", cohort.box(value=2))
    assert DiskCacheDataset(rows, transform, tmp_path / "c")[1]["label"].max() == 2


def test_processes_that_load_give_the_same_batches(rows, tmp_path):
    disk = DiskCacheDataset(rows, preprocessing(), tmp_path)
    loaders = [DataLoader(disk, batch_size=4, num_workers=workers, timeout=60 * workers) for workers in (0, 1)]
    one, other = (next(iter(loader)) for loader in loaders)
    same({k: v for k, v in one.items() if k != "subject"}, {k: v for k, v in other.items() if k != "subject"})
    assert one["subject"] == other["subject"] and one["age"].tolist() == [70.5] * 4


def test_what_cannot_be_stored_is_reported(rows, tmp_path):
    with pytest.raises(InputError, match="cannot be stored"):
        DiskCacheDataset(rows, preprocessing(dtype=torch.bfloat16), tmp_path)[0]
    assert not list(tmp_path.glob("*.npz"))


def test_a_config_chooses_where_images_are_kept(rows, tmp_path):
    kinds = {"memory": CacheDataset, "disk": DiskCacheDataset, "both": SharedCacheDataset, "none": Dataset}
    for cache, kind in kinds.items():
        dataset = cached_dataset(rows, preprocessing(), cache, tmp_path, progress=False)
        assert type(dataset) is kind
        same(dataset[2], Dataset(rows, preprocessing())[2])
    once = {cache: type(cached_dataset(rows, preprocessing(), cache, tmp_path, read_once=True)) for cache in kinds}
    assert once == {"memory": Dataset, "disk": DiskCacheDataset, "both": DiskCacheDataset, "none": Dataset}
    with pytest.raises(InputError, match="cache: found 'ram', expected one of memory, disk, both, none"):
        cached_dataset(rows, preprocessing(), "ram")
    with pytest.raises(InputError, match="cache_dir: found none"):
        cached_dataset(rows, preprocessing(), "disk")


def test_memory_is_filled_from_the_files_of_other_runs_and_the_rest_read_from_them(rows, tmp_path):
    assert calls_of(lambda: SharedCacheDataset(rows, preprocessing(), tmp_path, progress=False)) == len(rows)
    for rate in (0.0, 0.5, 1.0):
        found = []
        dataset = SharedCacheDataset(rows, preprocessing(), tmp_path, rate, progress=False)
        assert calls_of(lambda data=dataset, found=found: found.extend(data)) == 0
        for one, other in zip(found, Dataset(rows, preprocessing()), strict=True):
            same(one, other)


def test_memory_is_pages_of_the_files_which_nothing_that_a_run_does_changes(rows, tmp_path, monkeypatch):
    monkeypatch.setattr(stored_items, "LEAST_MAPPED", 1)
    dataset = cached_dataset(rows, preprocessing(), "both", tmp_path, progress=False)
    files = {path: path.read_bytes() for path in tmp_path.glob("*.npz")}
    item = dataset[1]
    same(item, Dataset(rows, preprocessing())[1])
    assert item["image"].data_ptr() % 64 == 0
    item["image"] += 1
    assert files == {path: path.read_bytes() for path in files}
    maps = Path("/proc/self/maps")
    if maps.is_file():
        assert sum(str(path) in maps.read_text() for path in files) == len(rows)


def test_stages_that_select_other_columns_of_a_row_share_files_and_each_gets_its_own(rows, tmp_path):
    selections = [Compose([*preprocessing().transforms[:-1], SelectItemsd(keys, True)]) for keys in SELECTED]
    list(DiskCacheDataset(rows, selections[0], tmp_path))
    for transform in selections:
        found = []
        assert calls_of(lambda t=transform, found=found: found.extend(DiskCacheDataset(rows, t, tmp_path))) == 0
        for one, other in zip(found, Dataset(rows, transform), strict=True):
            same(one, other)
    with_mask = Compose([*preprocessing().transforms[:-1], SelectItemsd(["image", "mask"])])
    assert calls_of(lambda: list(DiskCacheDataset(rows, with_mask, tmp_path))) == len(rows)


def test_radiomics_are_those_of_the_run_and_not_of_the_file(rows, tmp_path):
    transform = Compose([*preprocessing().transforms[:-1], SelectItemsd(["image", "radiomics"])])
    for scale in (1.0, 2.0):
        scaled = [{**row, "radiomics": torch.full([1500], scale)} for row in rows]
        assert DiskCacheDataset(scaled, transform, tmp_path)[0]["radiomics"].eq(scale).all()
    assert len(list(tmp_path.glob("*.npz"))) == 1


def test_arrays_in_a_row_count_in_full(rows, tmp_path):
    one, other = torch.zeros(5000), torch.zeros(5000)
    other[2500] = 1.0  # printed, both look the same
    for array in (one, other):
        DiskCacheDataset([{**rows[0], "weights": array}], preprocessing(), tmp_path)[0]
    assert len(list(tmp_path.glob("*.npz"))) == 2


def test_without_space_for_files_comparisons_go_on_and_say_so(rows, tmp_path, caplog, monkeypatch):
    def full(path, content):
        raise OSError(errno.ENOSPC, "No space left on device")

    for module in (volume_cache, file_digests):
        monkeypatch.setattr(module, "write_atomically", full)
    dataset = cached_dataset(rows, preprocessing(), "both", tmp_path, progress=False)
    same(dataset[1], Dataset(rows, preprocessing())[1])
    assert "not kept for other runs (No space left on device)" in caplog.text
    with pytest.raises(OSError, match="No space left"):
        DiskCacheDataset(rows, preprocessing(), tmp_path)[0]
    monkeypatch.setattr(volume_cache, "folder_problem", lambda folder: f"{folder}: cannot be written")
    assert type(cached_dataset(rows, preprocessing(), "both", tmp_path, progress=False)) is CacheDataset
    assert "not shared with other runs" in caplog.text


def test_a_folder_that_cannot_be_written_is_refused_where_images_are_to_be_on_the_disk_alone(rows, tmp_path):
    (tmp_path / "file").write_text("no folder")
    with pytest.raises(InputError, match=r"cache_dir: .*file: cannot be written .*; name another folder"):
        cached_dataset(rows, preprocessing(), "disk", tmp_path / "file")
