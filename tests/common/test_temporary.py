from __future__ import annotations

import os

from common.temporary import temporary_folder


def test_a_temporary_folder_is_private_and_gone_at_the_end_and_so_are_those_that_nobody_holds(tmp_path):
    for name in ("work-left", "work-new", "work-killed", "other"):
        (tmp_path / name).mkdir()
    (tmp_path / "work-killed" / "file").touch()  # what is written is written under the lock
    (tmp_path / "work-link").symlink_to(tmp_path / "other")
    for name in ("work-left", "other"):
        os.utime(tmp_path / name, (0, 0))
    with temporary_folder(tmp_path, "work-") as first:
        os.utime(first, (0, 0))
        (first / "file").touch()
        with temporary_folder(tmp_path, "work-") as second:
            assert first.is_dir() and second.stat().st_mode & 0o777 == 0o700
    assert sorted(os.listdir(tmp_path)) == ["other", "work-link", "work-new"]
