"""An archive without code passes; a file that does not belong there is refused by its name."""

from __future__ import annotations

import pytest

from common.deploy.verification.scan import scan_folder


def test_an_archive_without_code_passes(archive):
    assert scan_folder(archive) == []


@pytest.mark.parametrize(
    "name",
    [
        "run.py",
        "liver_lib/__init__.py",
        "configs/logging.conf",
        "configs/train.json",
        "configs/inference.yaml",
        "models/model.pt",
        "models/model.so",
        "models/site.pth",
        "models/more.zip",
        "models/sub/model.ts",
        "docs/index.html",
        "LICENSE ",
        ".hidden",
    ],
)
def test_a_file_of_another_name_is_refused(name, archive):
    (archive / name).parent.mkdir(exist_ok=True)
    (archive / name).write_text("")
    assert scan_folder(archive) == [f"{name}: no file of this name belongs in an archive without code"]


def test_a_link_is_refused(archive, tmp_path):
    (tmp_path / "elsewhere.json").write_text("{}")
    (archive / "configs/inference.json").unlink()
    (archive / "configs/inference.json").symlink_to(tmp_path / "elsewhere.json")
    (problem,) = scan_folder(archive)
    assert problem.startswith("configs/inference.json: a link")


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("docs/README.md", b"\x7fELF\0\0"),
        ("LICENSE", b"\xff\xfe"),
        ("docs/provenance.json", b"{"),
        ("manifest.json.sig", b"too short"),
        ("models/model.ts", b"\x80\x02."),
        ("models/model.pt2", b""),
        ("models/model.onnx", b"no model"),
        ("models/model.safetensors", b"\xff" * 64),
    ],
)
def test_a_file_that_is_not_what_its_name_says_is_refused(name, content, archive):
    (archive / name).write_bytes(content)
    (problem,) = scan_folder(archive)
    assert problem.startswith(f"{name}: ")
