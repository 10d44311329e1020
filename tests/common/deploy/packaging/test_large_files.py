"""MONAI's own downloader reads what is written."""

from __future__ import annotations

import hashlib

import pytest
import yaml
from monai.apps.utils import HashCheckError
from monai.bundle import download_large_files

from common.deploy.packaging.large_files import LARGE_FILES, write_large_files


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "models").mkdir()
    (tmp_path / "models/model.pt").write_bytes(b"w" * 2000)
    (tmp_path / "models/model.ts").write_bytes(b"s" * 1000)
    return tmp_path


def test_only_files_above_the_limit_are_listed_with_their_hash_and_address(folder):
    path = write_large_files(folder, "1.2.3", "https://example.org/weights/", limit=1000)
    (entry,) = yaml.safe_load(path.read_text())["large_files"]
    assert entry == {
        "path": "models/model.pt",
        "url": f"https://example.org/weights/{folder.name}_v1.2.3_model.pt",
        "hash_val": hashlib.sha256(b"w" * 2000).hexdigest(),
        "hash_type": "sha256",
    }


def test_nothing_is_written_where_no_file_is_large(folder):
    assert write_large_files(folder, "1.2.3") is None and not (folder / LARGE_FILES).exists()


def test_monai_takes_a_file_that_is_in_place_without_a_network(folder, monkeypatch):
    monkeypatch.setattr("urllib.request.urlopen", lambda *_, **__: pytest.fail("the network was asked"))
    monkeypatch.setattr("urllib.request.urlretrieve", lambda *_, **__: pytest.fail("the network was asked"))
    write_large_files(folder, "1.2.3", limit=1000)
    download_large_files(bundle_path=str(folder))
    assert (folder / "models/model.pt").read_bytes() == b"w" * 2000


def test_monai_fetches_a_file_that_is_missing_and_refuses_another_content(folder, tmp_path_factory):
    elsewhere = tmp_path_factory.mktemp("server")
    write_large_files(folder, "1.2.3", elsewhere.as_uri(), limit=1000)
    stored = elsewhere / f"{folder.name}_v1.2.3_model.pt"
    (folder / "models/model.pt").rename(stored)
    download_large_files(bundle_path=str(folder))
    assert (folder / "models/model.pt").read_bytes() == b"w" * 2000
    (folder / "models/model.pt").unlink()
    stored.write_bytes(b"x" * 2000)
    with pytest.raises(HashCheckError):
        download_large_files(bundle_path=str(folder))
