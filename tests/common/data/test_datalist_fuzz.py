"""Any datalist is either read or refused with its problems."""

from __future__ import annotations

import json

import nibabel as nib
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from common.data import load_datalist
from common.errors import InputError
from common.images.image_files import datalist_rows
from tests.fuzzing import damaged

pytestmark = pytest.mark.fuzz

VALUES = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.text(max_size=20),
    st.sampled_from(["a.nii.gz", "..", "/dev/zero", "~", "a" * 5000, "\0", "\udcff", 10**30, -1, "training"]),
)
KEYS = st.sampled_from(
    ["image", "mask", "label", "subject", "session", "fold", "slice", "training", "labels", "modality"]
)
JSON = st.recursive(
    VALUES, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(KEYS | st.text(max_size=5), inner, max_size=5)
)
ROWS = st.lists(st.dictionaries(KEYS, JSON, max_size=6), max_size=4)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A folder with one image."""
    folder = tmp_path_factory.mktemp("cohort")
    nib.save(nib.Nifti1Image(np.arange(8, dtype=np.int16).reshape(2, 2, 2), np.eye(4)), folder / "a.nii.gz")
    return folder


def read(path):
    """Read a datalist in both ways."""
    for read in (
        lambda: load_datalist(path, num_workers=1),
        lambda: load_datalist(path, section="testing", check="files", label="required", num_workers=1),
        lambda: datalist_rows(path),
    ):
        try:
            rows = read()
        except InputError as error:
            assert str(error).replace("\n", "").isprintable()
        else:
            assert all(isinstance(row[1] if isinstance(row, tuple) else row, dict) for row in rows)


@given(rows=ROWS, more=st.dictionaries(KEYS, JSON, max_size=3))
def test_rows_of_any_values_are_read_or_refused(rows, more, folder):
    (folder / "rows.json").write_text(json.dumps({**more, "training": rows, "testing": rows}))
    read(folder / "rows.json")


@given(data=st.data())
def test_a_damaged_file_is_read_or_refused(data, folder):
    row = {"image": "a.nii.gz", "label": 1, "subject": "s1", "fold": 0}
    whole = json.dumps({"labels": {"0": "a", "1": "b"}, "training": [row, {**row, "label": 0}], "testing": [row]})
    (folder / "bytes.json").write_bytes(data.draw(damaged([whole.encode()])))
    read(folder / "bytes.json")
