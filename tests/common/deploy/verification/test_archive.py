from __future__ import annotations

import os
import time
import zipfile

import pytest

from common import InputError
from common.deploy.verification.archive import open_archive, write_archive

FILES = {"b.txt": b"second", "a/c.bin": bytes(range(256)) * 500, "a/empty": b""}


@pytest.fixture
def folder(tmp_path):
    return make(tmp_path / "here" / "bundle")


def make(folder, names=FILES):
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(FILES[name])
    return folder


def test_the_same_files_give_the_same_bytes_at_another_place_and_time(folder, tmp_path):
    other = make(tmp_path / "there" / "bundle", reversed(FILES))
    os.utime(other / "b.txt", (0, time.time() - 1e6))
    (other / "b.txt").chmod(0o600)
    first, second = (write_archive(source, tmp_path / f"{source.parent.name}.zip") for source in (folder, other))
    assert first.read_bytes() == second.read_bytes()


def test_an_archive_unpacks_into_a_folder_of_its_name(folder, tmp_path):
    with open_archive(write_archive(folder, tmp_path / "out" / "bundle.zip")) as unpacked:
        assert unpacked.name == "bundle"
        assert {name: (unpacked / name).read_bytes() for name in FILES} == FILES
    assert not unpacked.exists()
    assert [file.name for file in (tmp_path / "out").iterdir()] == ["bundle.zip"]


def test_a_folder_gives_itself(folder):
    with open_archive(folder) as opened:
        assert opened == folder
    assert (folder / "b.txt").is_file()


@pytest.mark.parametrize(
    "name", ["../evil.py", "bundle/../../evil.py", "/etc/evil", "bundle\\..\\evil", "C:evil", "bundle/a/", "bundle/A"]
)
def test_names_that_lead_elsewhere_or_come_twice_are_refused_before_anything_is_written(tmp_path, monkeypatch, name):
    path = tmp_path / "bad.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("bundle/a", "good")
        archive.writestr(name, "bad")
    monkeypatch.setattr(zipfile.ZipFile, "extractall", None)
    with pytest.raises(InputError, match="1 problem") as caught, open_archive(path):
        pass
    assert repr(name) in str(caught.value) and str(path) in str(caught.value)


def test_links_are_refused(folder, tmp_path):
    entry = zipfile.ZipInfo("bundle/link")
    entry.external_attr = 0o120777 << 16
    with zipfile.ZipFile(tmp_path / "bad.zip", "w") as archive:
        archive.writestr(entry, "/etc/passwd")
    (folder / "a" / "link").symlink_to("/etc/passwd")
    for path in (tmp_path / "bad.zip", folder):
        with pytest.raises(InputError, match=r"link': a link|a/link: a link"), open_archive(path):
            pass


def test_what_is_no_archive_is_told_in_one_line(folder, tmp_path):
    whole = write_archive(folder, tmp_path / "bundle.zip")
    (tmp_path / "cut.zip").write_bytes(whole.read_bytes()[:-40])
    (tmp_path / "text.zip").write_text("not a zip")
    with zipfile.ZipFile(tmp_path / "two.zip", "w") as archive:
        archive.writestr("one/a", "")
        archive.writestr("two/a", "")
    for name, message in (("cut", "no readable zip"), ("text", "no readable zip"), ("two", "one, two on top")):
        with pytest.raises(InputError, match=message) as caught, open_archive(tmp_path / f"{name}.zip"):
            pass
        assert "\n" not in str(caught.value)
    with pytest.raises(InputError, match="no such archive"), open_archive(tmp_path / "none.zip"):
        pass
