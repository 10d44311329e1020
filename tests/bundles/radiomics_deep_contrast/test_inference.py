"""Images and masks in, probabilities out: with radiomics, or by inference.json without any Python of ours."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest
import torch
from monai.bundle import verify_net_in_out
from monai.data import load_net_with_metadata

from common.deploy.packaging.hybrid_archive import needs_radiomics, package_hybrid
from common.deploy.verification.archive import open_archive
from common.study.trial import try_hybrid
from tests.bundles.commands import export_classifier, run_bundle


@pytest.fixture(scope="module")
def exported(configs, tiny, image_classifier, tmp_path_factory):
    """The classifier of images alone as TorchScript."""
    sizes = {key: tiny[key] for key in ("depth", "widen_factor", "small_stem", "hidden_features", "image_size")}
    path = tmp_path_factory.mktemp("exported") / "model.ts"
    return export_classifier(path, configs, image_classifier, ["image_view.yaml"], **sizes)


@pytest.fixture
def evaluation(open_bundle, configs, tiny, image_classifier):
    """evaluate.yaml with the classifier of images alone, on all subjects."""
    options = tiny | {"checkpoint": image_classifier, "held_out_images": "$@cohort()"}
    files = [configs / "evaluate.yaml", configs / "image_view.yaml"]
    workflow = open_bundle(*files, workflow_type="infer", **options)
    workflow.initialize()
    return workflow


@pytest.fixture
def infer(run_config, configs, tiny, exported, tmp_path):
    """Run the exported inference.json on the phantoms: gives the table of ``predictions.csv``."""

    def infer(**overrides):
        values = {key: tiny[key] for key in ("dataset_dir", "image_size")}
        values |= {"checkpoint": exported, "output_dir": tmp_path, "section": "training"} | overrides
        run_config(exported.with_name("inference.json"), workflow_type="infer", **values)
        names = ["subject", "probability_0", "probability_1"]
        return pd.read_csv(tmp_path / "predictions.csv", names=names, dtype={"subject": str})

    return infer


def test_the_exported_network_gives_the_same_probabilities_as_the_eager_one(exported, evaluation):
    scripted, eager = torch.jit.load(exported).eval(), evaluation.parser.get_parsed_content("trained").eval()
    for shape in ((3, 1, 32, 32), (1, 1, 64, 48)):
        image = torch.rand(shape, generator=torch.Generator().manual_seed(0))
        with torch.no_grad():
            torch.testing.assert_close(scripted(image), eager(image), rtol=1e-5, atol=1e-6)


def test_the_exported_file_holds_metadata_and_inference_config(exported, configs):
    _, metadata, files = load_net_with_metadata(str(exported), more_extra_files=("inference.json", "evaluate.json"))
    assert metadata["version"] == json.loads((configs / "metadata.json").read_text())["version"]
    assert files["inference.json"].decode() == exported.with_name("inference.json").read_text()
    assert not files["evaluate.json"]  # it names our Python, which hospitals don't want
    own = json.loads(files["inference.json"])
    assert own["checkpoint"] == json.loads((configs / "inference.json").read_text())["checkpoint"]  # not model.pt


def test_inference_gives_the_predictions_of_evaluation(infer, evaluation):
    table = infer(amp="false").set_index("subject")
    network = evaluation.parser.get_parsed_content("trained").eval()
    for position in range(0, 20, 3):
        row = evaluation.dataset[position]
        with torch.no_grad():
            expected = network(row["image"][None])[0]
        np.testing.assert_allclose(table.loc[row["subject"]], expected, rtol=1e-4, atol=1e-5)


def test_cropped_images_need_no_mask(infer, tiny, tmp_path):
    rows = json.loads((tiny["dataset_dir"] / "datalist.json").read_text())["training"][:3]
    path = tmp_path / "unknown.json"
    path.write_text(json.dumps({"testing": [{key: row[key] for key in ("image", "subject")} for row in rows]}))
    table = infer(datalist=path, section="testing", crop="false", batch_size=2)
    assert list(table["subject"]) == [row["subject"] for row in rows]
    records = json.loads((tmp_path / "predictions.json").read_text())
    assert [record["subject"] for record in records] == [row["subject"] for row in rows]


def test_network_data_format_is_what_the_network_takes_and_gives(exported, configs):
    files = {"config_file": str(configs / "inference.json"), "meta_file": str(configs / "metadata.json")}
    verify_net_in_out(net_id="network_def", **files, checkpoint=str(exported), device="cpu")


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


@pytest.mark.slow
def test_the_command_line_predicts(configs, tiny, exported, tmp_path):
    values = {key: tiny[key] for key in ("dataset_dir", "image_size")} | {"section": "training", "amp": "false"}
    overrides = values | {"checkpoint": exported, "output_dir": tmp_path, "device": "cpu"}
    result = run_bundle("evaluating", [exported.with_name("inference.json")], **overrides)
    assert result.returncode == 0, result.stderr
    assert len(json.loads((tmp_path / "predictions.json").read_text())) == 20


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
