from __future__ import annotations

import json

import numpy as np
import pytest
from PIL import Image

from common.data.cohorts import near_duplicates_datalist
from common.errors import InputError


@pytest.fixture
def datalist(tmp_path):
    """Six pictures of noise, of which 4 looks like 1 and 1 like 0, in three folds."""
    rng = np.random.default_rng(0)
    pixels = rng.integers(0, 100, (6, 24, 20), dtype=np.uint8)
    pixels[1], pixels[4] = pixels[0] * 2, pixels[0] + 50
    rows = [{"image": f"{i}.png", "subject": f"s{i}", "label": i % 2, "fold": i // 2, "age": i} for i in range(6)]
    for row, picture in zip(rows, pixels, strict=True):
        Image.fromarray(picture).save(tmp_path / row["image"])
    path = tmp_path / "datalist.json"
    path.write_text(json.dumps({"name": "noise", "source": "none", "training": rows}))
    return path


def test_near_duplicates_of_near_duplicates_are_one_subject_in_the_fold_of_the_first_label(datalist):
    content = json.loads(datalist.read_text())
    del content["training"][0]["label"]
    content["training"][1]["fold"] = 2
    datalist.write_text(json.dumps(content))
    written = json.loads(near_duplicates_datalist(datalist, datalist.parent / "out/joined.json").read_text())
    rows = written.pop("training")
    assert written == {"name": "noise", "source": "none"}
    assert [row["subject"] for row in rows] == ["s0", "s0", "s2", "s3", "s0", "s5"]
    assert [row["fold"] for row in rows] == [2, 2, 1, 1, 2, 2]
    assert [row["age"] for row in rows] == [*range(6)] and rows[0]["image"] == str(datalist.parent / "0.png")


def test_training_rows_that_look_like_the_test_set_are_refused_or_left_out(datalist):
    content = json.loads(datalist.read_text())
    content["testing"] = content["training"][4:]
    del content["training"][4:]
    datalist.write_text(json.dumps(content))
    with pytest.raises(InputError, match=r"2 problems\n.*training\[0\] \(subject s0\): looks like a row of testing"):
        near_duplicates_datalist(datalist, datalist)
    written = json.loads(near_duplicates_datalist(datalist, datalist, incomplete="drop").read_text())
    assert [row["image"] for row in written["training"]] == ["2.png", "3.png"]
    assert [row["image"] for row in written["testing"]] == ["4.png", "5.png"]
