from __future__ import annotations

import errno
import hashlib
import os

import pytest

from common.files import file_digest, replacing, write_atomically, write_durably


def test_the_file_is_whole_readable_and_alone(tmp_path):
    path = write_atomically(tmp_path / "new" / "a.txt", "text")
    assert path.read_text() == "text" and os.listdir(path.parent) == ["a.txt"]
    assert path.stat().st_mode & 0o444 == 0o444 & ~os.umask(os.umask(0))


def test_a_durable_file_is_on_the_disk_with_its_folder_before_it_is_confirmed(tmp_path, monkeypatch):
    synced, sync = [], os.fsync
    monkeypatch.setattr(
        os, "fsync", lambda handle: (synced.append(os.readlink(f"/proc/self/fd/{handle}")), sync(handle))
    )
    write_durably(tmp_path / "new" / "a.dcm", b"image")
    assert os.listdir(tmp_path / "new") == ["a.dcm"] and (tmp_path / "new" / "a.dcm").read_bytes() == b"image"
    assert synced[0].endswith(".a.dcm") and synced[1:] == [str(tmp_path / "new"), str(tmp_path)]


def test_a_failure_leaves_the_old_file_and_no_other(tmp_path, monkeypatch):
    write_atomically(tmp_path / "a.txt", "old")
    monkeypatch.setattr(os, "replace", lambda *_: (_ for _ in ()).throw(OSError("disk")))
    with pytest.raises(OSError, match="disk"):
        write_atomically(tmp_path / "a.txt", "new")
    assert (tmp_path / "a.txt").read_text() == "old" and os.listdir(tmp_path) == ["a.txt"]


def test_a_block_that_fails_leaves_the_old_file_and_no_other(tmp_path):
    path = tmp_path / "image.nii.gz"
    with replacing(path) as temporary:
        assert temporary.parent == tmp_path and temporary.name.endswith("image.nii.gz") and temporary != path
        temporary.write_text("old")
    with pytest.raises(OSError, match="disk"), replacing(path) as temporary:
        temporary.write_text("half")
        raise OSError("disk")
    assert path.read_text() == "old" and os.listdir(tmp_path) == ["image.nii.gz"]


def test_a_digest_is_that_of_the_bytes_and_a_folder_s_that_of_its_files_in_the_order_of_their_names(tmp_path):
    for name in ("b", "a"):
        (tmp_path / name).write_bytes(name.encode())
    assert file_digest(tmp_path / "a") == hashlib.blake2b(b"a").hexdigest()
    assert file_digest(tmp_path / "a", "sha256") == hashlib.sha256(b"a").hexdigest()
    parts = "".join(hashlib.blake2b(name).hexdigest() for name in (b"a", b"b"))
    assert file_digest(tmp_path) == hashlib.blake2b(parts.encode()).hexdigest()


def test_a_full_disk_is_reported_with_the_name_of_the_file_and_leaves_the_earlier_one(tmp_path):
    path = write_atomically(tmp_path / "a/table.csv", "before")
    with pytest.raises(OSError, match=r"No space left on device: .*a/table\.csv'"), replacing(path) as temporary:
        temporary.write_text("half")
        raise OSError(errno.ENOSPC, "No space left on device")
    assert path.read_text() == "before" and [each.name for each in path.parent.iterdir()] == ["table.csv"]
