from __future__ import annotations

from common.deploy.prediction.speed import inference_table, measure_inference
from tests.bundles.bundle_files import BUNDLES

SIAM = next(bundle for bundle in BUNDLES if bundle.name == "siam3d_imbalance")


def test_a_study_costs_more_than_its_network_which_every_study_has_measured():
    result = measure_inference(SIAM, SIAM / "samples/datalist.json", rounds=2, cpu_time=True)
    assert len(result["rows"]) == 3 and all(row["network"] > 0 and row["loading"] > 0 for row in result["rows"])
    ratios = result["ratios"]
    assert ratios["study"]["median"] > 0.8 and ratios["study"]["min"] <= ratios["study"]["max"]
    result["cold_start"] = [{"seconds": 9.87, "cpu_seconds": 4.32}]
    table = inference_table(result)
    assert "LIDC-IDRI-0262_R_1" in table and table.endswith("cold start to the results: 9.9 s (4.3 s of CPU)")
