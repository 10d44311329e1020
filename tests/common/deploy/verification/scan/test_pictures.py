from __future__ import annotations

import io
import zipfile

import numpy as np
import pytest
from PIL import Image

from common.deploy.verification.scan.folder import scan_file
from common.deploy.verification.scan.pictures import scan_png


@pytest.fixture
def picture() -> bytes:
    content = io.BytesIO()
    Image.fromarray(np.arange(48, dtype=np.uint8).reshape(6, 8)).save(content, "png")
    return content.getvalue()


def test_a_picture_passes(picture, tmp_path):
    (tmp_path / "input.png").write_bytes(picture)
    assert scan_png(picture) == [] and scan_file(tmp_path / "input.png", "docs/input.png") == []


def test_a_picture_that_is_a_zip_too_is_refused(picture):
    hidden = io.BytesIO()
    with zipfile.ZipFile(hidden, "w") as archive:
        archive.writestr("run.py", "1")
    assert scan_png(picture + hidden.getvalue()) == ["bytes after the last chunk"]


@pytest.mark.parametrize(
    ("damage", "found"),
    [
        (lambda content: b"GIF89a" + content, "no PNG"),
        (lambda content: content[:-5], "cut off"),
        (lambda content: content[:-12], "cut off"),
        (lambda content: content[:40] + bytes([content[40] ^ 1]) + content[41:], "a "),
        (lambda content: content.replace(b"IDAT", b"zTXt"), "a chunk of the kind b'zTXt'"),
        (lambda content: content[:8], "cut off"),
    ],
)
def test_a_damaged_picture_is_refused(damage, found, picture):
    (problem,) = scan_png(damage(picture))
    assert problem.startswith(found)
