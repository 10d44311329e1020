"""Tables of the paper end with the page that a reader opens, on phantoms and after one epoch.

Table 3 and Figure 2 run as Table 1, and Figure 2 is drawn as that of radiomics_deep_contrast.
"""

from __future__ import annotations

import json

import nibabel
import numpy as np
import pytest
from scipy.ndimage import binary_dilation

from tests.bundles.damage import with_whole_paths
from tests.bundles.exhibits import check_table, reproduce
from tests.bundles.mlsscl_3d.conftest import CLIPS, NETWORK

pytestmark = pytest.mark.slow


def test_table_1_has_every_start_of_the_classifier_on_people_whom_no_pretraining_has_seen(
    dementia, cache_dir, scratch, tmp_path
):
    content = with_whole_paths(dementia)
    (tmp_path / "data").mkdir()
    (tmp_path / "data/datalist.json").write_text(json.dumps(content))
    others = [{key: row[key] for key in row if key != "fold"} for row in content["training"] if row["fold"] != 0]
    (tmp_path / "data/datalist_pretraining.json").write_text(json.dumps({**content, "training": others}))
    options = {**NETWORK, **CLIPS, "image_size": [32, 32, 32], "cache_dir": str(cache_dir), "seeds": [0]}
    options |= {"pretrain": {"batch_size": 4}, "train": {"validation_fraction": 0}}
    page = reproduce("mlsscl_3d", "table 1", "adni", tmp_path / "data", scratch, **options)
    check_table(page)
    tested = {row["subject"] for row in content["training"] if row["fold"] == 0}
    assert all(set(part["subject"]) == tested for _, part in page.predictions("classification").groupby("set"))


def test_table_2_has_segmentations_from_every_start_against_both_raters(lesions, cache_dir, scratch, tmp_path):
    content = with_whole_paths(lesions)
    labels = [str(lesions / row["label"]) for row in content["training"]]
    for place, row in enumerate(content["training"]):
        row |= {"age": 30.0 + 5 * place, "label": labels[place]}
    (tmp_path / "datalist.json").write_text(json.dumps(content))
    for place, row in enumerate(content["training"]):
        mask = nibabel.load(labels[place])
        row["label"] = str(tmp_path / f"{place}.nii.gz")  # of a rater who draws generously
        nibabel.save(type(mask)(binary_dilation(mask.get_fdata()).astype(np.uint8), mask.affine), row["label"])
    (tmp_path / "second.json").write_text(json.dumps(content))
    options = {**NETWORK, **CLIPS, "in_channels": 3, "roi_size": [16, 16, 16], "image_size": [32, 32, 32]}
    options |= {"cache_dir": str(cache_dir), "fold": [0], "pretrain": {"batch_size": 4}}
    options |= {"raters": {"second": str(tmp_path / "second.json")}, "train": {"validation_fraction": 0}}
    page = reproduce("mlsscl_3d", "table 2", "isbi", tmp_path, scratch, **options)
    check_table(page)
    reports = [page.path.parent / "segmentation/report" / name for name in ("rater_datalist", "rater_second", "")]
    first, second, pooled = (json.loads((path / "metrics.json").read_text())["results"] for path in reports)
    for row, one, two in zip(pooled, first, second, strict=True):
        dice = [each["metrics"]["dsc"]["value"] for each in (one, two, row)]
        assert dice[2] == pytest.approx((dice[0] + dice[1]) / 2)
