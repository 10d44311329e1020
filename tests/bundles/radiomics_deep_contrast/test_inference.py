"""Images and masks in, probabilities out: with radiomics, or by inference.json without any Python of ours."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from common.deploy.package import TARGETS, package_bundle
from common.deploy.packaging.hybrid_archive import needs_radiomics, package_hybrid
from common.deploy.prediction.classifier import open_classifier
from common.deploy.prediction.predict import find_cases, predict_cases
from common.deploy.verification.archive import open_archive
from common.study.trial import try_hybrid
from tests.bundles.shared.inference import SharedInference


class TestInference(SharedInference):
    """Of images alone."""

    image_shapes = ((3, 1, 32, 32), (1, 1, 64, 48))
    needed_with = {"crop": "false"}


def test_radiomics_computed_on_the_way_give_the_predictions_of_evaluation(
    run_config, configs, tiny, classifier, tmp_path
):
    options = tiny | {"checkpoint": classifier, "amp": "false"}
    run_config(configs / "evaluate.yaml", workflow_type="infer", output_dir=tmp_path / "evaluate", **options)
    options |= {"section": "training", "output_dir": tmp_path / "infer"}
    run_config(configs / "infer_hybrid.yaml", workflow_type="infer", **options)
    tables = [
        pd.read_csv(tmp_path / name / "predictions.csv", dtype={"subject": str}).set_index("subject")
        for name in ("evaluate", "infer")
    ]
    assert len(tables[0]) == 5 and len(tables[1]) == 20
    columns = ["probability_0", "probability_1"]
    np.testing.assert_allclose(tables[1].loc[tables[0].index, columns], tables[0][columns], rtol=1e-3, atol=1e-5)


@pytest.mark.slow
def test_kidney_tumours_go_the_same_two_ways(run_config, configs, tiny, kidney_phantoms, tmp_path):
    options = tiny | {"dataset_dir": kidney_phantoms, "lesion_slices": 3, "batch_size": 4}
    settings = tmp_path / "kidney.yaml"
    text = (configs.parent / "parameters/kidney_radiomics.yaml").read_text()
    settings.write_text("imageType: {Original: {}}\n" + text[text.index("featureClass:") :])
    options["radiomics_settings"] = settings
    trained = tmp_path / "train"
    run_config(configs / "train.yaml", configs / "kidney.yaml", output_dir=trained, max_epochs=1, **options)
    tables = []
    ways = {"evaluate.yaml": {"held_out_images": "$@cohort()"}, "infer_hybrid.yaml": {"section": "training"}}
    for name, extra in ways.items():
        values = options | extra | {"checkpoint": trained / "model.pt", "output_dir": tmp_path / name}
        run_config(configs / name, configs / "kidney.yaml", workflow_type="infer", **values)
        tables.append(pd.read_csv(tmp_path / name / "predictions.csv").filter(like="probability_"))
    assert tables[0].shape[1] == 4
    np.testing.assert_allclose(tables[1], tables[0], rtol=1e-3)


@pytest.mark.parametrize("number", [1, 3])
def test_an_archive_of_slices_takes_volumes_and_predicts_as_evaluation(
    number, run_config, configs, tiny, kidney_phantoms, monkeypatch, tmp_path
):
    overlays = ["kidney", "image_only"]
    files, changed = [configs / f"{name}.yaml" for name in overlays], {"apply_mask": True}
    options = tiny | changed | {"dataset_dir": kidney_phantoms, "lesion_slices": number, "batch_size": 4}
    run_config(configs / "train.yaml", *files, output_dir=tmp_path / "train", max_epochs=1, **options)
    weights = tmp_path / "train/model.pt"
    options |= {"checkpoint": weights, "output_dir": tmp_path / "evaluate", "amp": "false"}
    run_config(configs / "evaluate.yaml", *files, workflow_type="infer", **options)
    monkeypatch.setitem(TARGETS, "inference", replace(TARGETS["inference"], formats=("model.ts",)))
    archive = package_bundle("radiomics_deep_contrast", "inference", tmp_path, weights, overlays=["image_only"])
    content = json.loads((kidney_phantoms / "datalist.json").read_text())
    rows = [
        {**row, **{key: str(kidney_phantoms / row[key]) for key in ("image", "mask")}} for row in content["training"]
    ]
    cohort, rules = tmp_path / "datalist.json", tmp_path / "rules.yaml"
    cohort.write_text(json.dumps({"modality": {"0": "CT"}, "testing": rows}))
    rules.write_text("CT: {Modality: ^CT$}\n")
    with open_classifier(archive, device="cpu", rules=rules) as classifier:
        cases, _ = find_cases(cohort, classifier)
        batch = predict_cases(classifier, cases, tmp_path / "results")
    found = {result["study"]: result["probabilities"] for result in batch.results}
    expected = pd.read_csv(tmp_path / "evaluate/predictions.csv", dtype={"subject": str}).set_index("subject")
    assert len(expected) >= 5 and not batch.failed
    for subject, row in expected.filter(like="probability_").iterrows():
        np.testing.assert_allclose(list(found[subject].values()), row, rtol=1e-4, atol=1e-5)


@pytest.mark.slow
def test_an_archive_of_the_hybrid_measures_radiomics_itself_and_predicts_without_the_checkout(
    run_config, configs, tiny, classifier, tmp_path
):
    calibration = tmp_path / "calibration.json"
    calibration.write_text(json.dumps({"temperature": 2.0, "threshold": 0.0, "num_classes": 2}))
    assert needs_radiomics("radiomics_deep_contrast", classifier)
    settings = {"radiomics_settings": str(tiny["radiomics_settings"])}
    archive = package_hybrid("radiomics_deep_contrast", tmp_path, classifier, calibration=calibration, **settings)
    with open_archive(archive) as folder:
        metadata = json.loads((folder / "configs/metadata.json").read_text())
        assert metadata["required_packages_version"].keys() & {"pyradiomics", "pyradiomics-cuda"}
        assert {path.name for path in (folder / "models").iterdir()} == {"model.pt", "scaling.json"}
        config = (folder / "configs/inference.json").read_text()
        assert str(configs.parents[2]) not in config and '"common.' not in config and "$common" not in config
    data = tiny["dataset_dir"]
    rows = json.loads((data / "datalist.json").read_text())["training"]
    cases = [{**row, **{key: str(data / row[key]) for key in ("image", "mask")}} for row in rows[:3]]
    tried = try_hybrid(archive, cases, tmp_path / "trial", "cpu")
    options = tiny | {"checkpoint": classifier, "amp": "false", "section": "training", "temperature": 2.0}
    run_config(configs / "infer_hybrid.yaml", workflow_type="infer", output_dir=tmp_path / "infer", **options)
    table = pd.read_csv(tmp_path / "infer/predictions.csv", dtype={"subject": str}).set_index("subject")
    for case in tried:
        found = table.loc[case["subject"]]
        assert case["predicted"] == found["prediction"]
        assert case["probability"] == pytest.approx(found[f"probability_{case['predicted']}"], abs=1e-3)
