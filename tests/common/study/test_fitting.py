"""What the estimate of a plan counts."""

from __future__ import annotations

from dataclasses import replace

import pytest

from common.bundle_configs import BundleConfigs
from common.evaluation.protocols.read_methods import FEW_NUMBERS
from common.study.fitting import fit_plan
from common.study.stage_table import StageTable
from tests.common.study.builders import cost, plan

ROWS = [{"subject": str(place), "label": place % 2 if place < 80 else None, "fold": place % 2} for place in range(100)]


@pytest.fixture
def table() -> StageTable:
    of_train = {"max_epochs": 3, "storage_dtype": "$torch.float16"}
    drawn = plan(methods=["scratch", "re"], pretrain={"max_epochs": 5}, train=of_train)
    return StageTable(BundleConfigs("siam3d_imbalance"), drawn, ROWS, [])


def costs(table: StageTable, **numbers) -> dict:
    return {run.key: cost(**numbers) for run in table.to_measure("cpu")}


def test_the_disk_holds_weights_and_the_preprocessed_images_of_each_kind_of_stage(table):
    weights = 5e6
    # two folds and the final run of each: pre-training, scratch, fine-tuning; three times the weights
    networks = 9 * 3 * weights
    images = 32**3 * (100 * 4 + 80 * 2)  # all in float32, labelled ones in float16
    found = fit_plan(table, costs(table, weights=weights), 0.0, None, 0.0)
    assert found.estimate["disk_gb"] == pytest.approx((networks + images) / 1e9 + 0.01, abs=0.006)


@pytest.mark.parametrize(("methods", "cache", "images"), [(["scratch"], "both", 80), (["scratch", "re"], "memory", 0)])
def test_the_disk_holds_no_images_that_no_stage_keeps_there(table, methods, cache, images):
    drawn = replace(
        table.plan, methods=methods, settings={**table.plan.settings, "box_size": [128] * 3, "cache": cache}
    )
    table = replace(table, plan=drawn)
    found = fit_plan(table, costs(table), 0.0, None, 0.0).estimate["disk_gb"]
    assert found == pytest.approx(images * 128**3 * 2 / 1e9 + 0.01, abs=0.006)


def test_the_estimate_names_the_trainings_that_the_budget_has_shortened(table):
    for seconds, shortened in ((1e6, []), (1.0, ["pretrain"])):  # a training of three epochs is the shortest
        found = fit_plan(table, costs(table), 0.0, seconds, 0.0)
        assert found.estimate["shortened"] == shortened and found.pretrain["max_epochs"] == 5 - 2 * len(shortened)


def test_no_budget_leaves_out_rows_of_few_numbers_which_take_seconds(table):
    table = replace(table, plan=replace(table.plan, methods=["radiomics", *FEW_NUMBERS, "scratch", "re"]))
    found = fit_plan(table, costs(table), 0.0, 1.0, 0.0)
    assert found.methods == ["radiomics", *FEW_NUMBERS, "re"] and [*found.estimate["left_out"]] == ["scratch"]


@pytest.mark.parametrize("overlay", ["pretrain:{}", "{}"])
def test_the_epochs_of_an_overlay_of_the_plan_count(table, overlay, tmp_path):
    (tmp_path / "mine.yaml").write_text("max_epochs: 7\n")
    drawn = replace(
        table.plan, overlays=[overlay.format(tmp_path / "mine.yaml")], pretrain={}, methods=["re", "pretrain"]
    )
    table = replace(table, plan=drawn)
    stages = [stage for stage in table.stages(costs(table), 0.0) if stage.kind == "pretrain"]
    assert [stage.epochs for stage in stages] == [7, 7]
