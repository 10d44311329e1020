from __future__ import annotations

import os
from pathlib import Path

import pytest

from common.images.facts import ImageFacts, read_image_facts
from common.images.facts_cache import FactsCache
from common.images.stored_image import UnreadableImageError


@pytest.fixture
def path(cohort) -> str:
    return str(cohort.folder / "s0_seg.nii.gz")


def no_reading(*_, **__):
    pytest.fail("the file was read")


def test_remembered_facts_are_those_that_were_read(path, tmp_path, monkeypatch):
    first = FactsCache(tmp_path)
    first.facts(path, is_mask=True, content=True)
    first.save()
    expected = read_image_facts(path, is_mask=True)
    monkeypatch.setattr("common.images.facts_cache.read_image_facts", no_reading)
    assert FactsCache(tmp_path).facts(path, is_mask=True, content=True) == expected


def test_a_changed_file_is_read_again(path, cohort, tmp_path):
    cache = FactsCache(tmp_path)
    before = cache.facts(path, is_mask=True, content=True)
    old = os.stat(path)
    cohort.nifti("s0_seg.nii.gz", cohort.box(value=3))
    os.utime(path, ns=(old.st_atime_ns, old.st_mtime_ns + 1))
    assert before.values[1][0] == 1.0
    assert cache.facts(path, is_mask=True, content=True).values[1][0] == 3.0


def test_facts_of_the_header_do_not_answer_for_the_content(path, tmp_path):
    cache = FactsCache(tmp_path)
    assert cache.facts(path, is_mask=True, content=False).has_content is False
    assert cache.facts(path, is_mask=True, content=True).has_content
    # The other way round the full facts do.
    assert cache.facts(path, is_mask=True, content=False).has_content


def test_a_file_as_image_and_as_mask_is_remembered_apart(path, tmp_path):
    cache = FactsCache(tmp_path)
    assert cache.facts(path, is_mask=False, content=True).values is None
    assert cache.facts(path, is_mask=True, content=True).values is not None


def test_an_unreadable_file_is_tried_again(path, cohort, tmp_path):
    cache = FactsCache(tmp_path)
    stat, data = os.stat(path), Path(path).read_bytes()
    Path(path).write_bytes(data[:-1] + b"x")
    os.utime(path, ns=(stat.st_atime_ns, stat.st_mtime_ns))
    with pytest.raises(UnreadableImageError):
        cache.facts(path, is_mask=True, content=True)
    Path(path).write_bytes(data)
    os.utime(path, ns=(stat.st_atime_ns, stat.st_mtime_ns))
    assert cache.facts(path, is_mask=True, content=True).channels == 1


@pytest.mark.parametrize("text", ["", "{", "[]", '{"image:a": 3}'])
def test_a_broken_cache_is_as_good_as_none(path, tmp_path, text):
    (tmp_path / "image_facts.json").write_text(text)
    cache = FactsCache(tmp_path)
    assert cache.facts(path, is_mask=True, content=True).has_content
    cache.save()
    assert FactsCache(tmp_path).facts(path, is_mask=True, content=True).has_content


def test_two_runs_that_save_to_one_folder_lose_nothing(cohort, tmp_path, monkeypatch):
    caches = [FactsCache(tmp_path) for _ in range(2)]
    paths = [str(cohort.folder / f"s{i}_t1.nii.gz") for i in range(2)]
    for cache, path in zip(caches, paths, strict=True):
        cache.facts(path, is_mask=False, content=True)
        cache.save()
    monkeypatch.setattr("common.images.facts_cache.read_image_facts", no_reading)
    for path in paths:
        assert FactsCache(tmp_path).facts(path, is_mask=False, content=True).has_content


def test_a_slice_added_to_a_dicom_folder_is_noticed(tmp_path, monkeypatch):
    folder = tmp_path / "series"
    folder.mkdir()
    (folder / "1.dcm").write_bytes(b"1")
    facts = ImageFacts((2, 2), (2, 2), 1, None, True)
    calls = []
    monkeypatch.setattr("common.images.facts_cache.read_image_facts", lambda *a, **k: calls.append(a) or facts)
    cache = FactsCache(None)
    for _ in range(2):
        cache.facts(str(folder), is_mask=False, content=True)
    (folder / "2.dcm").write_bytes(b"2")
    cache.facts(str(folder), is_mask=False, content=True)
    assert len(calls) == 2
