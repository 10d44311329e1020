"""A zip file is read only where every reader reads the same."""

from __future__ import annotations

import io
import random
import shutil
import struct
import subprocess
import warnings
import zipfile

import pytest
import torch

from common.deploy.verification.scan.torchscript import scan_torchscript
from common.deploy.verification.zip_layout import MAX_MEMBERS, read_members, zip_layout
from tests.common.deploy.verification.scan.twins import Network, members, script_twins


class Unseekable(io.RawIOBase):
    """A stream that can't go back, after whose members zipfile writes descriptors."""

    def __init__(self) -> None:
        self.content = b""

    def writable(self) -> bool:
        return True

    def write(self, data) -> int:
        self.content += bytes(data)
        return len(data)


FILES = {"a/one.txt": b"1" * 5000, "a/two.bin": bytes(range(256)), "a/three": b""}


def packed(method=zipfile.ZIP_DEFLATED, files=FILES, target=None):
    target = target or io.BytesIO()
    with zipfile.ZipFile(target, "w", method) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return target.content if isinstance(target, Unseekable) else target.getvalue()


@pytest.mark.parametrize("method", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
@pytest.mark.parametrize("make_target", [io.BytesIO, Unseekable])
def test_what_python_writes_is_read_as_python_reads_it(method, make_target):
    content = packed(method, target=make_target())
    assert read_members(content) == members(content) == FILES


def test_a_member_with_sizes_of_64_bits_is_read(tmp_path):
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", zipfile.ZIP_DEFLATED) as archive, archive.open("a", "w", force_zip64=True) as to:
        to.write(b"long" * 1000)
    assert read_members(content.getvalue()) == {"a": b"long" * 1000}


def test_what_torch_writes_is_read_as_torch_reads_it(tmp_path):
    torch.jit.script(Network()).save(str(tmp_path / "model.ts"))
    torch.save({"weight": torch.rand(3000)}, tmp_path / "model.pt")
    for name in ("model.ts", "model.pt"):
        content = (tmp_path / name).read_bytes()
        reader = torch._C.PyTorchFileReader(io.BytesIO(content))
        found = {name.partition("/")[2]: member for name, member in read_members(content).items()}
        assert found == {name: reader.get_record(name) for name in reader.get_all_records()}


@pytest.mark.skipif(shutil.which("zip") is None, reason="needs Info-ZIP")
def test_what_info_zip_writes_is_read(tmp_path):
    (tmp_path / "a").mkdir()
    (tmp_path / "a/one.txt").write_bytes(FILES["a/one.txt"])
    subprocess.run(["zip", "-qr", "it.zip", "a"], cwd=tmp_path, check=True)
    assert read_members((tmp_path / "it.zip").read_bytes()) == {"a/one.txt": FILES["a/one.txt"]}


def test_torch_runs_the_first_of_two_zip_files_and_python_reads_the_second(tmp_path):
    """The attack itself; else the next test could not fail."""
    sentinel = tmp_path / "it_ran"
    (tmp_path / "twins.ts").write_bytes(script_twins(tmp_path, sentinel))
    (source,) = (text for name, text in members((tmp_path / "twins.ts").read_bytes()).items() if name.endswith(".py"))
    assert b"save" not in source
    torch.jit.load(tmp_path / "twins.ts")(torch.rand(1, 4))
    assert sentinel.exists()


def test_two_zip_files_behind_one_another_are_refused(tmp_path):
    twins = script_twins(tmp_path, tmp_path / "it_ran")
    (problem,) = scan_torchscript(twins)
    assert problem == "a zip file whose end record points elsewhere, as in two zip files behind one another"


def end_record(content, **changes):
    """Change fields of the end record."""
    names = ("disk", "first_disk", "here", "count", "size", "begin", "comment")
    values = dict(zip(names, struct.unpack("<4H2LH", content[-18:]), strict=True)) | changes
    return content[:-18] + struct.pack("<4H2LH", *values.values())


def changed(content, where, value, behind=b""):
    """Write other bytes at an offset from the first place of ``behind``."""
    at = (content.index(behind) if behind else 0) + where
    return content[:at] + value + content[at + len(value) :]


def with_local_name(content):
    return changed(content, content.index(b"a/one.txt"), b"a/two.txt")


DAMAGE = {
    "nothing": lambda content: b"",
    "bytes in front": lambda content: b"#!/bin/sh\n" + content,
    "bytes behind": lambda content: content + b"\0",
    "a comment": lambda content: end_record(content, comment=4) + b"text",
    "cut": lambda content: content[:-1],
    "more entries": lambda content: end_record(content, count=4, here=4),
    "fewer entries": lambda content: end_record(content, count=2, here=2),
    "several parts": lambda content: end_record(content, disk=1),
    "a shorter directory": lambda content: end_record(content, size=10),
    "another name in front": with_local_name,
    "another method in front": lambda content: changed(content, 8, b"\0\0", b"PK\3\4"),
    "another size in front": lambda content: changed(content, 22, b"\1", b"PK\3\4"),
    "another checksum in front": lambda content: changed(content, 14, b"\1\2\3\4", b"PK\3\4"),
    "another checksum": lambda content: changed(changed(content, 14, b"\1\2\3\4"), 16, b"\1\2\3\4", b"PK\1\2"),
    "an offset elsewhere": lambda content: changed(content, 42, b"\5", b"PK\1\2"),
    "an encrypted member": lambda content: changed(changed(content, 6, b"\1"), 8, b"\1", b"PK\1\2"),
    "another way of packing": lambda content: changed(changed(content, 8, b"\x0e"), 10, b"\x0e", b"PK\1\2"),
    "a name of 200 letters": lambda content: changed(content, 28, b"\xc8", b"PK\1\2"),
}


@pytest.mark.parametrize("case", list(DAMAGE))
def test_whatever_another_reader_could_read_otherwise_is_refused(case):
    with pytest.raises(ValueError):
        read_members(DAMAGE[case](packed()))


def test_bytes_between_members_are_refused():
    content = packed(zipfile.ZIP_STORED)
    cut = content.index(b"PK\1\2")
    with pytest.raises(ValueError, match="1 bytes between its members"):
        zip_layout(end_record(content[:cut] + b"\0" + content[cut:], begin=cut + 1))


@pytest.mark.parametrize("name", ["a/one.txt", "A/One.TXT"])
def test_two_members_of_one_name_are_refused_whatever_the_case_as_miniz_ignores_it(name):
    content = io.BytesIO()
    with warnings.catch_warnings(action="ignore"), zipfile.ZipFile(content, "w") as archive:
        archive.writestr("a/one.txt", "first")
        archive.writestr(name, "second")
    with pytest.raises(ValueError, match="two members of one name"):
        zip_layout(content.getvalue())


@pytest.mark.parametrize("name", ["a/\x1b[2Jx", "a/x\n", "a/\x7f"])
def test_a_name_with_control_characters_is_refused_and_reported_without_them(name):
    with pytest.raises(ValueError) as refused:
        zip_layout(packed(files={name: b""}))
    assert str(refused.value).isprintable()


def test_a_member_that_would_fill_the_disk_is_refused_before_it_is_unpacked(monkeypatch):
    content = packed(files={"a/zeros": bytes(2 << 20)})
    monkeypatch.setattr("zlib.decompressobj", None)
    with pytest.raises(ValueError, match=r"'a/zeros' would unpack from \d+ to 2097152 bytes; expected at most 100"):
        read_members(content)


def test_a_member_that_is_longer_than_it_says_is_read_no_further():
    content = packed(files={"a/zeros": bytes(1 << 20)})
    small = struct.pack("<L", 10)
    lying = changed(changed(content, 22, small, b"PK\3\4"), 24, small, b"PK\1\2")
    with pytest.raises(ValueError, match="another size or checksum"):
        read_members(lying)


def test_too_many_members_are_refused_before_they_are_listed():
    with pytest.raises(ValueError, match=r"60000 members; expected at most"):
        zip_layout(end_record(packed(), count=60_000, here=60_000))
    assert MAX_MEMBERS < 60_000


@pytest.mark.parametrize("method", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
def test_100_of_100_flipped_bits_are_found_or_change_nothing_that_anyone_reads(method):
    """Dates, modes and versions are what may differ; members and their bytes are not."""
    whole, draw = packed(method), random.Random(0)
    for _ in range(100):
        damaged = bytearray(whole)
        damaged[draw.randrange(len(whole))] ^= 1 << draw.randrange(8)
        try:
            found = read_members(bytes(damaged))
        except ValueError:
            continue
        assert found == FILES
