"""Pre-trainings, tables of features, exported and served classifiers, for shared tests and those of one bundle."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pandas as pd
import pytest
from monai.bundle import ConfigWorkflow

from common.deploy.prediction.cases import FileCase
from common.deploy.prediction.classifier import Classifier, open_classifier
from tests.bundles.commands import export_classifier, run_bundle
from tests.bundles.parity import cases_of
from tests.common.deploy.made_studies import bundle_as_published, random_network

SIZES = {"box_size", "image_size"}  # one of them is a bundle's size of images


@pytest.fixture
def pretrain(run_config, run_once, configs, settings, tmp_path) -> Callable[..., tuple[ConfigWorkflow, Path]]:
    """Pre-train on the phantoms with overlays: gives the workflow and the output folder.

    A run that an earlier test has done is not repeated, unless its output is named.
    """

    def pretrain(*overlays: str, output: str | None = None, **overrides: object) -> tuple[ConfigWorkflow, Path]:
        files = [configs / name for name in ("pretrain.yaml", *overlays)]
        values = settings("pretrain.yaml") | {"max_epochs": 2} | overrides
        if output is None:
            return run_once(*files, **values)
        return run_config(*files, output_dir=tmp_path / output, **values), tmp_path / output

    return pretrain


@pytest.fixture(scope="module")
def features(configs, tiny, pretrained, tmp_path_factory) -> Path:
    """Folder of the tables of extract_features.yaml, started on the command line; every fold has those of the first."""
    output_dir = tmp_path_factory.mktemp("features")
    overrides = tiny | {"checkpoint": pretrained, "output_dir": output_dir, "device": "cpu", "amp": "false"}
    result = run_bundle("evaluating", [configs / "extract_features.yaml"], **overrides)
    assert result.returncode == 0, result.stderr
    for table in output_dir.glob("learnt_fold0*.csv"):
        for fold in range(1, 4):  # as if each fold had its own encoder
            shutil.copy(table, table.with_name(table.name.replace("fold0", f"fold{fold}")))
    return output_dir


@pytest.fixture(scope="module")
def served(configs, tiny, tmp_path_factory) -> Iterator[Classifier]:
    """The bundle's inference.json with a random network."""
    (size,) = tiny.keys() & SIZES
    bundle = bundle_as_published(tmp_path_factory.mktemp("published"), configs.parent)
    inputs = json.loads((bundle / "configs/metadata.json").read_text())["network_data_format"]["inputs"]["image"]
    shape = (inputs["num_channels"], *tiny[size])
    weights = random_network(tmp_path_factory.mktemp("weights") / "model.ts", shape, 2)
    with open_classifier(bundle, weights=weights, device="cpu", **{size: tiny[size]}) as classifier:
        yield classifier


@pytest.fixture
def cases(served, tiny) -> list[FileCase]:
    """The first three rows of the cohort, as they would be given to predict."""
    return list(cases_of(served, tiny["dataset_dir"]).values())[:3]


@pytest.fixture(scope="module")
def exported(configs, exportable, tmp_path_factory) -> Path:
    """The bundle's ``exportable`` classifier as TorchScript, beside its ``inference.json``."""
    path = tmp_path_factory.mktemp("exported") / "model.ts"
    return export_classifier(path, configs, exportable.checkpoint, exportable.overlays, **exportable.network)


@pytest.fixture
def infer(run_config, run_once, tiny, exported) -> Callable[..., tuple[pd.DataFrame, list[dict]]]:
    """Run the exported inference.json on the phantoms: gives what ``predictions.csv`` and ``predictions.json`` hold.

    A run that an earlier test has done is not repeated, unless its output folder is named.
    """

    def infer(output_dir: Path | None = None, **overrides: object) -> tuple[pd.DataFrame, list[dict]]:
        config = exported.with_name("inference.json")
        values = {key: tiny[key] for key in {"dataset_dir", *SIZES} & tiny.keys()}
        values |= {"workflow_type": "infer", "checkpoint": exported, "section": "training", **overrides}
        if output_dir is None:
            _, output_dir = run_once(config, **values)
        else:
            run_config(config, output_dir=output_dir, **values)
        names = ["subject", "probability_0", "probability_1"]
        table = pd.read_csv(output_dir / "predictions.csv", names=names, dtype={"subject": str})
        return table, json.loads((output_dir / "predictions.json").read_text())

    return infer
