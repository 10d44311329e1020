from __future__ import annotations

import hashlib
import json

import pytest

from common import InputError
from common.deploy.packaging.model_info import write_model_info


def test_an_entry_is_written_as_the_zoo_writes_it_and_others_stay(tmp_path):
    archive, path = tmp_path / "some_bundle.zip", tmp_path / "model_info.json"
    archive.write_bytes(b"zipped")
    other = {"other_v1.0.0": {"checksum": "abc", "source": "https://example.org/other_v1.0.0.zip"}}
    path.write_text(json.dumps(other))
    write_model_info(path, archive, "0.2.0")
    entry = {
        "checksum": hashlib.sha1(b"zipped").hexdigest(),
        "source": "https://github.com/Project-MONAI/model-zoo/releases/download/hosting_storage_v1/some_bundle_v0.2.0.zip",
    }
    assert json.loads(path.read_text()) == {**other, "some_bundle_v0.2.0": entry}
    write_model_info(path, archive, "0.2.0", address="https://here.org/zips/")
    assert (
        json.loads(path.read_text())["some_bundle_v0.2.0"]["source"] == "https://here.org/zips/some_bundle_v0.2.0.zip"
    )


@pytest.mark.parametrize("text", ["[]", "{", ""])
def test_what_is_no_such_list_is_left_alone(tmp_path, text):
    path = tmp_path / "model_info.json"
    path.write_text(text)
    with pytest.raises(InputError, match=r"model_info\.json: .*expected the zoo's list"):
        write_model_info(path, tmp_path / "a.zip", "1")
    assert path.read_text() == text
