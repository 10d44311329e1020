"""What the rows of each bundle's study are, for the readers of its report."""

from __future__ import annotations

import re

import pytest

from common.bundle_configs import BundleConfigs
from common.evaluation.protocols.methods import Encoder
from common.evaluation.protocols.read_methods import read_fine_tunings, read_rows
from common.study.protocol import read_descriptions, read_protocol
from common.study.row_descriptions import describe_row

TASKS = [
    *(("liver_cgc", "classification"), ("mlsscl_3d", "classification"), ("mlsscl_3d", "segmentation")),
    *(("radiomics_deep_contrast", "classification"), ("siam3d_imbalance", "classification")),
]


@pytest.mark.parametrize(("bundle", "task"), TASKS)
@pytest.mark.parametrize("dims", [2, 3])
def test_each_row_of_a_study_has_one_line_and_each_pre_training_its_paper(bundle, task, dims):
    configs = BundleConfigs(bundle)
    described, reader = read_descriptions(configs), read_fine_tunings if task == "segmentation" else read_rows
    for row in reader(configs, read_protocol(configs, task, dims).methods, ["T1", "T2"]):
        text = describe_row(row, described)
        assert "\n" not in text and all(described[name] in text for name in row.overlays)
        if isinstance(row.start, Encoder):
            assert "pre-trained without labels: " in text and re.search(r"\d{4}\)", text)
            assert text.startswith("logistic regression") == ("linear probe" in row.name)


@pytest.mark.parametrize("bundle", sorted({bundle for bundle, _ in TASKS}))
def test_only_overlays_of_the_bundle_are_described(bundle):
    configs = BundleConfigs(bundle)
    assert set(read_descriptions(configs)) <= set(configs.names())
