from __future__ import annotations

import errno
import hashlib

from common.data.file_digests import FileDigests


def test_a_file_is_read_once_until_it_changes(tmp_path, monkeypatch):
    path = tmp_path / "a.nii"
    path.write_bytes(b"one")
    digests, content = FileDigests(tmp_path / "notes"), hashlib.blake2b(b"one").hexdigest()
    assert digests(str(path)) == f"{content}.nii"  # the name decides how the bytes are read
    monkeypatch.setattr("common.data.file_digests.image_digest", lambda path: "read again")
    assert FileDigests(tmp_path / "notes")(str(path)) == f"{content}.nii"
    path.write_bytes(b"three")
    assert digests(str(path)) == "read again"


def test_copies_have_the_same_digest_and_so_have_copies_of_folders(tmp_path):
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "1.dcm").write_bytes(b"slice")
    digests = FileDigests(tmp_path / "notes")
    assert digests(str(tmp_path / "a")) == digests(str(tmp_path / "b"))
    (tmp_path / "b" / "2.dcm").write_bytes(b"slice")
    assert digests(str(tmp_path / "a")) != digests(str(tmp_path / "b"))


def test_without_space_for_a_note_the_file_is_read_again_with_a_warning(tmp_path, caplog, monkeypatch):
    def full(path, content):
        raise OSError(errno.ENOSPC, "No space left on device")

    path = tmp_path / "a.nii"
    path.write_bytes(b"one")
    digests, expected = FileDigests(tmp_path / "notes"), f"{hashlib.blake2b(b'one').hexdigest()}.nii"
    monkeypatch.setattr("common.data.file_digests.write_atomically", full)
    assert [digests(str(path)), digests(str(path))] == [expected, expected]
    assert f"digest of {path} not kept (No space left on device)" in caplog.text


def test_a_damaged_note_is_made_anew(tmp_path):
    path = tmp_path / "a.nii"
    path.write_bytes(b"one")
    digests = FileDigests(tmp_path / "notes")
    expected = digests(str(path))
    (note,) = (tmp_path / "notes").iterdir()
    for damage in (b"", b"\xff\xfe"):  # as after a power failure
        note.write_bytes(damage)
        assert digests(str(path)) == note.read_text() == expected
