from __future__ import annotations

import os

import pytest

from common.files import temporary_folder, write_atomically


def test_the_file_is_whole_readable_and_alone(tmp_path):
    path = write_atomically(tmp_path / "new" / "a.txt", "text")
    assert path.read_text() == "text" and os.listdir(path.parent) == ["a.txt"]
    assert path.stat().st_mode & 0o444 == 0o444 & ~os.umask(os.umask(0))


def test_a_failure_leaves_the_old_file_and_no_other(tmp_path, monkeypatch):
    write_atomically(tmp_path / "a.txt", "old")
    monkeypatch.setattr(os, "replace", lambda *_: (_ for _ in ()).throw(OSError("disk")))
    with pytest.raises(OSError, match="disk"):
        write_atomically(tmp_path / "a.txt", "new")
    assert (tmp_path / "a.txt").read_text() == "old" and os.listdir(tmp_path) == ["a.txt"]


def test_a_temporary_folder_is_private_and_gone_at_the_end_and_so_are_those_that_nobody_holds(tmp_path):
    for name in ("work-left", "work-new", "other"):
        (tmp_path / name).mkdir()
    (tmp_path / "work-link").symlink_to(tmp_path / "other")
    for name in ("work-left", "other"):
        os.utime(tmp_path / name, (0, 0))
    with temporary_folder(tmp_path, "work-") as first:
        os.utime(first, (0, 0))
        with temporary_folder(tmp_path, "work-") as second:
            assert first.is_dir() and second.stat().st_mode & 0o777 == 0o700
    assert sorted(os.listdir(tmp_path)) == ["other", "work-link", "work-new"]
