from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
import zipfile
from types import SimpleNamespace

import pytest
import torch

from common import InputError
from common.deploy.verification.archive import open_archive, write_archive
from common.deploy.verification.manifest import write_manifest

FILES = {"b.txt": b"second", "a/c.bin": bytes(range(256)) * 500, "a/empty": b""}


@pytest.fixture
def folder(tmp_path):
    return make(tmp_path / "here" / "bundle")


def make(folder, names=FILES):
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(FILES[name])
    write_manifest(folder)
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


def test_a_folder_gives_a_copy_which_a_later_change_does_not_reach_and_that_nobody_else_can_read(folder):
    with open_archive(folder) as opened:
        assert opened.name == folder.name and opened.parent.stat().st_mode & 0o077 == 0
        (folder / "b.txt").write_bytes(b"changed")
        assert (opened / "b.txt").read_bytes() == FILES["b.txt"]
        (opened / "run.pyc").write_bytes(b"of whoever uses it")
    assert not opened.exists() and not (folder / "run.pyc").exists()


def test_a_file_that_changes_after_its_name_was_read_is_found_in_the_copy(folder, monkeypatch):
    """Else what is used could differ from what was checked."""
    from common.deploy.verification import archive

    check = archive.check_listing

    def change_then_check(*names):
        (folder / "b.txt").write_bytes(b"SECOND")
        check(*names)

    monkeypatch.setattr(archive, "check_listing", change_then_check)
    with pytest.raises(InputError, match=r"^b\.txt: sha256"), open_archive(folder):
        pass


def test_data_and_outputs_of_an_archive_in_use_are_neither_checked_nor_copied(folder):
    (folder / "outputs").mkdir()
    (folder / "outputs/predictions.csv").write_text("")
    (folder / "data").symlink_to("/")
    with open_archive(folder) as opened:
        assert sorted(path.name for path in opened.iterdir()) == ["a", "b.txt", "manifest.json"]


@pytest.mark.parametrize(
    "name",
    [
        "../evil.py",
        "bundle/../../evil.py",
        "/etc/evil",
        "bundle\\..\\evil",
        "C:evil",
        "./bundle/x",
        "bundle//x",
        "bundle/" + "x" * 300,
    ],
)
def test_names_that_lead_elsewhere_are_refused_before_anything_is_written(tmp_path, monkeypatch, name):
    path = tmp_path / "bad.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("bundle/a", "good")
        archive.writestr(name, "bad")
    monkeypatch.setattr("common.deploy.verification.archive._write", None)
    with pytest.raises(InputError, match="1 problem") as caught, open_archive(path):
        pass
    assert repr(name) in str(caught.value) and str(path) in str(caught.value)


def test_links_are_refused(folder, tmp_path):
    entry = zipfile.ZipInfo("bundle/link")
    entry.external_attr, entry.create_system = 0o120777 << 16, 3
    with zipfile.ZipFile(tmp_path / "bad.zip", "w") as archive:
        archive.writestr(entry, "/etc/passwd")
    (folder / "a" / "link").symlink_to("/etc/passwd")
    for path in (tmp_path / "bad.zip", folder):
        with pytest.raises(InputError, match=r"link'?: a link or a device"), open_archive(path):
            pass


def test_what_is_no_archive_is_reported_in_one_line(folder, tmp_path):
    whole = write_archive(folder, tmp_path / "bundle.zip")
    (tmp_path / "cut.zip").write_bytes(whole.read_bytes()[:-40])
    (tmp_path / "text.zip").write_text("not a zip")
    with zipfile.ZipFile(tmp_path / "two.zip", "w") as archive:
        archive.writestr("one/a", "")
        archive.writestr("two/a", "")
    for name, message in (
        ("cut", "no readable zip"),
        ("text", "no zip file, expected a zip of"),
        ("two", "one, two on top"),
    ):
        with pytest.raises(InputError, match=message) as caught, open_archive(tmp_path / f"{name}.zip"):
            pass
        assert "\n" not in str(caught.value)
    with pytest.raises(InputError, match="no such archive"), open_archive(tmp_path / "none.zip"):
        pass


def test_what_is_taken_for_an_archive_is_named_with_what_is_expected(folder, tmp_path):
    expected = "expected a zip of python scripts/package.py, or its unpacked folder"
    (tmp_path / "models").mkdir()
    (tmp_path / "datalist.json").write_text("{}")
    torch.save({}, tmp_path / "model.pt")
    with zipfile.ZipFile(tmp_path / "model.ts", "w") as weights:
        weights.writestr("model/constants.pkl", "")
    problems = {
        tmp_path: f"found a folder without manifest.json, {expected}; correct the path",
        tmp_path
        / "model.ts": f"found weights (TorchScript), {expected}; package them, or name a bundle of this checkout "
        f"and set --weights {tmp_path / 'model.ts'}",
        tmp_path / "model.pt": f"found weights (PyTorch), {expected}; package them by python scripts/package.py",
        tmp_path / "datalist.json": f"found a JSON file, {expected}; name the archive first, then what it predicts",
    }
    for path, problem in problems.items():
        with pytest.raises(InputError) as caught, open_archive(path):
            pass
        assert str(caught.value) == f"{path}: {problem}"
    archive = write_archive(folder, tmp_path / "bundle.zip")
    with pytest.raises(InputError, match=f"or its unpacked folder; did you mean {archive}"), open_archive(tmp_path):
        pass


def test_a_zip_is_not_unpacked_before_manifest_names_and_sizes_are_right(folder, tmp_path, monkeypatch):
    monkeypatch.setattr("common.deploy.verification.archive.check_manifest", None)  # which comes after unpacking
    (folder / "b.txt").write_bytes(b"second and more")
    with (
        pytest.raises(InputError, match=r"^b\.txt: 15 bytes; expected 6 of manifest\.json"),
        open_archive(write_archive(folder, tmp_path / "longer.zip")),
    ):
        pass
    write_manifest(make(folder))
    (folder / "run.py").write_text("")
    with (
        pytest.raises(InputError, match=r"^run\.py: found, but"),
        open_archive(write_archive(folder, tmp_path / "more.zip")),
    ):
        pass
    (folder / "manifest.json").unlink()
    with (
        pytest.raises(InputError, match=r"^manifest\.json: no such file"),
        open_archive(write_archive(folder, tmp_path / "unlisted.zip")),
    ):
        pass


def test_an_archive_that_would_fill_the_disk_is_refused(folder, tmp_path, monkeypatch):
    (folder / "zeros").write_bytes(bytes(6 << 20))
    write_manifest(folder)
    with (
        pytest.raises(InputError, match=r"'bundle/zeros' would unpack from \d+ to 6291456 bytes"),
        open_archive(write_archive(folder, tmp_path / "bomb.zip")),
    ):
        pass
    with monkeypatch.context() as patch:
        patch.setattr("shutil.disk_usage", lambda place: SimpleNamespace(free=1000))
        with (
            pytest.raises(InputError, match=r"bytes when unpacked; expected the 1000 that .* has free"),
            open_archive(folder),
        ):
            pass


@pytest.mark.parametrize("packed", [True, False])
def test_every_flipped_byte_is_reported_with_the_name_of_a_file(packed, folder, tmp_path):
    (folder / "a/c.bin").write_bytes(bytes(range(256)))
    write_manifest(folder)
    whole = write_archive(folder, tmp_path / "bundle.zip")
    for path in [whole] if packed else [folder / name for name in ("b.txt", "a/c.bin", "manifest.json")]:
        content = path.read_bytes()
        for position in range(len(content)):
            path.write_bytes(content[:position] + bytes([content[position] ^ 0xFF]) + content[position + 1 :])
            with pytest.raises(InputError) as refused, open_archive(whole if packed else folder):
                pass
            assert str(refused.value).startswith((f"{whole}: ", "b.txt: ", "a/c.bin: ", "manifest.json: "))
            assert str(refused.value).isprintable()
        path.write_bytes(content)


def test_a_folder_of_a_killed_process_is_removed_by_the_next_run(folder, monkeypatch, tmp_path):
    (tmp_path / "tmp").mkdir()
    program = "import os, signal, sys; from common.deploy.verification.archive import open_archive\n"
    program += "with open_archive(sys.argv[1]) as folder: os.kill(os.getpid(), signal.SIGKILL)"
    environment = {**os.environ, "TMPDIR": str(tmp_path / "tmp")}
    subprocess.run([sys.executable, "-c", program, folder], env=environment, check=False)
    (left,) = (tmp_path / "tmp").iterdir()
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "tmp"))
    with open_archive(folder) as opened:
        os.utime(opened.parent, (0, 0))
        with open_archive(folder):
            assert opened.is_dir() and not left.exists()
    assert not list((tmp_path / "tmp").iterdir())
