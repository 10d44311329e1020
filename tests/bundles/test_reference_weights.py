"""Weights that ship do on a fresh checkout what the pages promise, and are what the metadata say of them."""

from __future__ import annotations

import json
import re
import shutil
import zipfile
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from monai.bundle import ConfigWorkflow, ckpt_export, verify_net_in_out

from common.bundle_configs import BundleConfigs
from common.deploy.package import package_bundle
from common.deploy.packaging.formats import FORMATS
from common.deploy.prediction.cases import FileCase
from common.files import file_digest
from common.images.image_files import datalist_rows
from common.training_record import read_training_record
from scripts.package import package
from scripts.predict import predict
from scripts.verify import verify
from tests.bundles.bundle_files import BUNDLES, METADATA_SCHEMA, read_config
from tests.bundles.commands import environment
from tests.bundles.parity import validated_image
from tests.common.deploy.alone import run_alone
from tests.python_commands import run_python

WITH_WEIGHTS = [bundle for bundle in BUNDLES if (bundle / "models/model.pt").is_file()]
EACH_BUNDLE = pytest.mark.parametrize("bundle", WITH_WEIGHTS, ids=lambda bundle: bundle.name)
WEIGHTS = [path for bundle in WITH_WEIGHTS for path in sorted(bundle.glob("models/*.pt"))]
OVERLAYS = {
    "mlsscl_3d": ["adrenal"],
    "radiomics_deep_contrast": ["imagenet", "image_view"],
    "siam3d_imbalance": ["lidc"],
}
#: Rows of the results whose AUC, the first score, the limits quote, in their order.
QUOTED = {
    "mlsscl_3d": ["from scratch with the same budget", "`models/model.*`"],
    "radiomics_deep_contrast": ["| Outline |"],
    "siam3d_imbalance": ["volume alone, untrained", "the weights in `models/`"],
}
CLASSES = ["0", "1"]
#: Formats that take long to write: half a minute of EfficientNet-Lite0.
EXPORTED = ("model.pt2", "model.onnx")
#: MONAI's checks of an archive of the zoo, and its inference on other images, with its folder on the path.
USE_OF_THE_ZOO_S = """
import sys
root, schema, samples, results = sys.argv[1:]
sys.path.insert(0, root)
from monai.bundle import run, verify_metadata, verify_net_in_out
files = {"config_file": f"{root}/configs/inference.json", "meta_file": f"{root}/configs/metadata.json"}
verify_metadata(meta_file=files["meta_file"], filepath=schema)
verify_net_in_out(net_id="network_def", device="cpu", **files)
run("evaluating", **files, dataset_dir=samples, output_dir=results, device="cpu")
"""


@pytest.fixture(scope="module")
def logits(made_once):
    """``logits(bundle)``: table of the stored network's logits for the sample cases, prepared as in training."""

    def logits(bundle: Path) -> pd.DataFrame:
        def make(folder: Path) -> None:
            exported, configs = folder / "logits.ts", BundleConfigs(bundle)
            ckpt_export(
                net_id="network_def",
                filepath=str(exported),
                ckpt_file=str(bundle / "models/model.pt"),
                meta_file=str(bundle / "configs/metadata.json"),
                config_file=[configs.path(name) for name in ("train", *OVERLAYS[bundle.name])],
                bundle_root=str(bundle),
                dataset_dir=str(bundle / "samples"),
                **counted(bundle),
            )
            network = torch.jit.load(exported, map_location="cpu").eval()
            with torch.inference_mode():
                rows = {name: network(image[None])[0].tolist() for name, image in validated_images(bundle).items()}
            pd.DataFrame.from_dict(rows, "index", columns=CLASSES).to_csv(folder / "logits.csv")

        return pd.read_csv(made_once(f"logits_{bundle.name}", make) / "logits.csv", index_col=0)

    return logits


@pytest.fixture(scope="module")
def zoo_archive(made_once):
    """``zoo_archive(bundle)``: its archive for the zoo by ``scripts/package.py`` without further options, unpacked."""

    def zoo_archive(bundle: Path) -> Path:
        def make(folder: Path) -> None:
            path = package(bundle.name, "zoo", output=str(folder), quiet=True)
            verify(str(path))
            with zipfile.ZipFile(path) as archive:
                archive.extractall(folder)

        return made_once(f"zoo_{bundle.name}", make) / bundle.name

    return zoo_archive


def calibrated(bundle: Path, logits: pd.DataFrame) -> np.ndarray:
    """Probabilities with the temperature that ships."""
    return probabilities(logits, json.loads((bundle / "models/calibration.json").read_text())["temperature"])


def counted(bundle: Path) -> dict[str, int]:
    """What the training counted on its cohort and the network depends on."""
    settings = read_training_record(bundle / "models/model.pt")["settings"]
    return {name: settings[name] for name in ("num_radiomics",) if name in settings}


def validated_images(bundle: Path) -> dict[str, torch.Tensor]:
    """The sample cases as the training with the cohort's overlays prepares images to validate."""
    configs = BundleConfigs(bundle)
    workflow = ConfigWorkflow(
        config_file=[configs.path(name) for name in ("train", "evaluate", *OVERLAYS[bundle.name])],
        meta_file=str(bundle / "configs/metadata.json"),
        logging_file=False,
        workflow_type="infer",
        bundle_root=str(bundle),
        dataset_dir=str(bundle / "samples"),
        checkpoint=str(bundle / "models/model.pt"),
        device="cpu",
    )
    workflow.initialize()
    cases = [FileCase(name, row, None) for name, row in datalist_rows(bundle / "samples/datalist.json")]
    return {case.name: validated_image(workflow, case) for case in cases}


def probabilities(logits: pd.DataFrame, temperature: float = 1.0) -> np.ndarray:
    """Softmax of the logits over a temperature."""
    scaled = np.exp(logits.to_numpy() / temperature)
    return scaled / scaled.sum(1, keepdims=True)


@pytest.fixture
def checkout(tmp_path):
    """``checkout(bundle)``: root of a checkout that has this bundle alone, and no outputs."""

    def checkout(bundle: Path) -> Path:
        copy = tmp_path / "checkout" / "bundles" / bundle.name
        shutil.copytree(bundle, copy, ignore=shutil.ignore_patterns("outputs", "cache", "docs", "*.pt"))
        return copy.parents[1]

    return checkout


@pytest.mark.slow
@EACH_BUNDLE
def test_a_fresh_checkout_predicts_the_sample_cases_as_the_stored_network_does(bundle, checkout, logits):
    root = checkout(bundle)
    config = f"bundles/{bundle.name}/configs/inference.json"
    result = run_python(["-m", "monai.bundle", "run", "evaluating", "--config_file", config], root, environment())
    assert result.returncode == 0, result.stderr
    expected = logits(bundle)
    table = pd.read_csv(root / f"bundles/{bundle.name}/outputs/inference/predictions.csv", index_col=0, header=None)
    assert sorted(table.index) == sorted(expected.index)
    np.testing.assert_allclose(table.loc[expected.index], probabilities(expected), atol=1e-3)


@EACH_BUNDLE
def test_the_metadata_describe_what_the_network_takes_and_gives(bundle):
    files = {"config_file": str(bundle / "configs/inference.json"), "meta_file": str(bundle / "configs/metadata.json")}
    verify_net_in_out(net_id="network_def", **files, bundle_root=str(bundle), device="cpu")


@pytest.mark.slow
@EACH_BUNDLE
def test_the_archive_for_the_zoo_passes_monai_s_checks_and_predicts_alone_as_the_checkout_does_calibrated(
    bundle, zoo_archive, tmp_path, logits
):
    folder = shutil.copytree(zoo_archive(bundle), tmp_path / bundle.name)
    assert {path.name for path in (folder / "models").iterdir()} - {"scaling.json"} == set(FORMATS)
    run_alone(USE_OF_THE_ZOO_S, tmp_path, folder, METADATA_SCHEMA, bundle / "samples", tmp_path / "results")
    expected = logits(bundle)
    table = pd.read_csv(tmp_path / "results/predictions.csv", index_col=0, header=None).loc[expected.index]
    np.testing.assert_allclose(table[[1, 2]], calibrated(bundle, expected), atol=1e-3)
    assert not table[3].any()  # no call


@pytest.mark.slow
@EACH_BUNDLE
def test_the_archive_for_a_hospital_gives_their_calibrated_probabilities(
    bundle, tmp_path, logits, monkeypatch, zoo_archive
):
    for name in EXPORTED:  # as written for the zoo, compared and scanned anew
        written = zoo_archive(bundle) / "models" / name
        copy = partial(lambda written, source, path: shutil.copyfile(written, path), written)
        monkeypatch.setitem(FORMATS, name, (copy, FORMATS[name][1]))
    archive = package_bundle(bundle.name, "inference", tmp_path / "dist")
    verify(str(archive), scan=True)
    predict(str(archive), str(bundle / "samples/datalist.json"), str(tmp_path / "results"), num_workers=0, device="cpu")
    expected = logits(bundle)
    results = json.loads((tmp_path / "results/results.json").read_text())["results"]
    found = {row["study"]: list(row["probabilities"].values()) for row in results}
    assert sorted(found) == sorted(expected.index)
    assert list(results[0]["probabilities"]) == read_training_record(bundle / "models/model.pt")["classes"]
    np.testing.assert_allclose([found[name] for name in expected.index], calibrated(bundle, expected), atol=1e-3)


@pytest.mark.parametrize("weights", WEIGHTS, ids=lambda path: f"{path.parents[1].name}-{path.stem}")
def test_the_torchscript_holds_the_config_and_the_data_format_of_its_own_weights(weights):
    folder = weights.parents[1] / "configs"
    name, part = ("inference_segmentation", "segmentation") if weights.stem == "segmenter" else ("inference", None)
    with zipfile.ZipFile(weights.with_suffix(".ts")) as file:
        held = {name: json.loads(file.read(f"{weights.stem}/extra/{name}.json")) for name in (name, "metadata")}
    metadata, places = read_config(folder / "metadata.json"), ("bundle_root", "dataset_dir")
    form = (metadata[part] if part else metadata)["network_data_format"]
    assert held["metadata"]["network_data_format"] == form
    expected = read_config(folder / f"{name}.json")
    assert {key: value for key, value in held[name].items() if key not in places} == {
        key: value for key, value in expected.items() if key not in places
    }


@EACH_BUNDLE
def test_the_metadata_hold_the_scores_of_the_cross_validation(bundle):
    metrics = json.loads((bundle / "models/metrics.json").read_text())
    (result,) = metrics["results"]
    scores = {name: round(score["value"], 3) for name, score in result["metrics"].items()}
    assert read_config(bundle / "configs/metadata.json")["eval_metrics"] == scores
    record = read_training_record(bundle / "models/model.pt")
    assert metrics["subjects"] == len(record["subjects"]["training"])
    assert [entry["name"] for entry in metrics["classes"]] == record["classes"]


@EACH_BUNDLE
def test_the_scores_that_the_limits_quote_are_those_of_the_results(bundle):
    limits = read_config(bundle / "configs/metadata.json")["reference_limitations"]
    quoted = re.findall(r"\b0\.\d{3}\b", " ".join(limits))
    rows = (bundle / "docs/results.md").read_text().splitlines()
    named = [next(row for row in rows if row.startswith("|") and name in row) for name in QUOTED[bundle.name]]
    assert quoted == [re.findall(r"\b0\.\d{3}\b", row)[0] for row in named]


@EACH_BUNDLE
def test_the_metadata_say_whether_the_encoder_has_seen_the_images_held_out(bundle):
    notes = json.loads((bundle / "models/metrics.json").read_text())["notes"]
    seen = any("held-out ones too" in note for note in notes)
    limits = read_config(bundle / "configs/metadata.json")["reference_limitations"]
    assert seen == any("transductive" in limit for limit in limits)


@pytest.mark.parametrize("weights", WEIGHTS, ids=lambda path: f"{path.parents[1].name}-{path.stem}")
def test_no_sample_case_is_of_the_training(weights):
    bundle = weights.parents[1]
    record = read_training_record(weights)
    assert record["bundle"] == bundle.name and record["fold"] is None
    seen = record["subjects"]["training"] + record["subjects"]["validation"]
    samples = [name for name, _ in datalist_rows(bundle / "samples/datalist.json")]
    assert len(samples) == 3 and seen and not set(samples) & set(seen)
    if bundle.name == "siam3d_imbalance":  # subjects are nodules there: other nodules of a patient count as seen, too
        assert not {name[:14] for name in samples} & {name[:14] for name in seen}


@EACH_BUNDLE
def test_the_hashes_that_ship_are_those_of_all_files_of_the_weights(bundle):
    lines = (bundle / "models/SHA256SUMS").read_text().splitlines()
    files = [path for path in sorted(bundle.glob("models/[!.]*")) if path.name != "SHA256SUMS"]
    assert lines == [f"{file_digest(path, 'sha256')}  {path.name}" for path in files]  # as sha256sum reads them


@EACH_BUNDLE
def test_the_files_are_small_and_their_licence_is_named(bundle):
    files = [path for folder in ("models", "samples") for path in (bundle / folder).rglob("*") if path.is_file()]
    assert not [path for path in files if path.stat().st_size > 25_000_000]
    licence = (bundle / "docs/data_license.txt").read_text()
    assert "what ships" in licence and "CC BY" in licence and "ships no" not in licence
