from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
from PIL import Image

from common.data import load_datalist
from common.data.cohorts import tn_scui_datalist
from common.errors import InputError


@pytest.fixture
def root(tmp_path):
    """Twelve patients as the challenge stores them."""
    root = tmp_path / "TNSCUI2020_train"
    lines = ["ID,CATE"]
    for folder in ("image", "mask"):
        (root / folder).mkdir(parents=True)
    for i in range(1, 13):
        image = np.random.default_rng(i).integers(0, 255, (20, 30), dtype=np.uint8)
        mask = np.zeros((20, 30), dtype=np.uint8)
        mask[5:10, 5:15] = 255
        Image.fromarray(image).save(root / "image" / f"{i}.PNG")
        Image.fromarray(mask).save(root / "mask" / f"{i}.PNG")
        lines.append(f"{i}.PNG,{i % 2}")
    (root / "train.csv").write_text("\n".join(lines) + "\n")
    return root


def test_rows_pass_the_full_check_and_folds_are_stratified(root):
    path = tn_scui_datalist(root, root / "datalist.json", num_folds=3)
    rows = load_datalist(path, spatial_dims=2, mask="required", label="required", num_classes=2, modalities=["US"])
    assert [row["subject"] for row in rows] == [str(i) for i in range(1, 13)]
    assert [row["label"] for row in rows] == [i % 2 for i in range(1, 13)]
    assert all(count == 2 for count in Counter((row["fold"], row["label"]) for row in rows).values())
    assert rows[0]["image"] == str(root / "image" / "1.PNG") and rows[0]["mask"] == str(root / "mask" / "1.PNG")


def test_the_table_may_name_patients_and_files_be_renamed(root):
    (root / "train.csv").write_text((root / "train.csv").read_text().replace(".PNG", ""))
    (root / "image" / "3.PNG").rename(root / "image" / "3.png")
    rows = load_datalist(tn_scui_datalist(root, root / "datalist.json", num_folds=3), spatial_dims=2)
    assert rows[2]["image"].endswith("image/3.png") and rows[2]["mask"].endswith("mask/3.PNG")


def test_all_bad_lines_are_reported_at_once(root):
    (root / "mask" / "2.PNG").unlink()
    text = (root / "train.csv").read_text().replace("4.PNG,0", "4.PNG,2").replace("5.PNG,1", "5.PNG,")
    (root / "train.csv").write_text(text + "6.PNG,0\n,1\n")
    with pytest.raises(InputError) as error:
        tn_scui_datalist(root, root / "datalist.json")
    assert str(error.value).splitlines()[:6] == [
        f"{root}: 5 problems",
        "  line 3 (ID 2): no mask/2.PNG",
        "  line 5 (ID 4): CATE is 2, expected 0 or 1",
        "  line 6 (ID 5): CATE is empty, expected 0 or 1",
        "  line 14 (ID 6): found in an earlier line too, expected once",
        "  line 15 (ID none): ID is empty",
    ]
    assert not (root / "datalist.json").exists()
    path = tn_scui_datalist(root, root / "datalist.json", incomplete="drop", num_folds=2)
    assert len(load_datalist(path, spatial_dims=2, check="none")) == 9


def test_a_missing_table_is_reported(root):
    (root / "train.csv").unlink()
    with pytest.raises(InputError, match=r"train.csv: found no such file, expected a CSV with the columns ID, CATE"):
        tn_scui_datalist(root, root / "datalist.json")
