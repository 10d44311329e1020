"""The operators, on stand-ins for the SDK's classes; docs/monai_deploy.md describes what was run with the SDK."""

from __future__ import annotations

import importlib
import sys
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType, SimpleNamespace

import pytest
import torch
from monai.data import MetaTensor

from common import InputError
from common.deploy.verification.manifest import MANIFEST

FORM = {"type": "probabilities", "channel_def": {"0": "stage 1", "1": "stage 2", "2": "no call"}}


class Operator:
    def __init__(self, fragment, *args, **kwargs):
        self.fragment = fragment


class InferenceOperator(Operator):
    """What the SDK's operator does with its attributes, without its configs."""

    model_name, _inputs, _outputs = "model", {"image": {}}, {"pred": FORM, "map": {"type": "image"}}

    def pre_process(self, data):
        return {name: torch.as_tensor(data[name]) if name == "image" else data[name] for name in data}

    def _send_output(self, value, name, metadata, op_output, context):
        op_output.emit("the SDK's", name)


class Output(dict):
    def emit(self, value, name):
        self[name] = value


@pytest.fixture
def deploy(monkeypatch):
    """The module, imported beside stand-ins."""
    names = ("AppContext", "Application", "Fragment", "OperatorSpec")
    contents = {
        "monai.deploy": {},
        "monai.deploy.conditions": {"CountCondition": object},
        "monai.deploy.core": {name: type(name, (), {}) for name in names} | {"Operator": Operator},
        "monai.deploy.operators": {},
        "monai.deploy.operators.monai_bundle_inference_operator": {"MonaiBundleInferenceOperator": InferenceOperator},
    }
    contents["monai.deploy.core"]["ConditionType"] = SimpleNamespace(NONE="none")
    for name, values in contents.items():
        module = ModuleType(name)
        vars(module).update(values)
        monkeypatch.setitem(sys.modules, name, module)
    monkeypatch.delitem(sys.modules, "common.deploy.consumers.monai_deploy", raising=False)
    yield importlib.import_module("common.deploy.consumers.monai_deploy")
    del sys.modules["common.deploy.consumers.monai_deploy"]


def test_without_the_sdk_one_line_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "monai.deploy", None)
    monkeypatch.delitem(sys.modules, "common.deploy.consumers.monai_deploy", raising=False)
    with pytest.raises(InputError, match="pip install monai-deploy-app-sdk") as refused:
        importlib.import_module("common.deploy.consumers.monai_deploy")
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize(
    ("row", "called"), [([0.3, 0.7, 0.0], "stage 2"), ([0.9, 0.1, 0.0], "stage 1"), ([0.4, 0.6, 1.0], "no call")]
)
def test_probabilities_leave_by_class_name_with_the_class_called(deploy, row, called):
    operator, output = deploy.NamedProbabilitiesOperator(None), Output()
    operator._send_output(MetaTensor(torch.tensor([row])), "pred", {}, output, None)
    assert output["pred"]["result"] == [called]
    assert output["pred"]["probabilities"] == pytest.approx({"stage 1": row[0], "stage 2": row[1]})


def test_other_outputs_leave_as_the_sdk_sends_them(deploy):
    output = Output()
    deploy.NamedProbabilitiesOperator(None)._send_output(torch.zeros(1), "map", {}, output, None)
    assert output == {"map": "the SDK's"}


def test_the_channel_that_the_dropped_loader_would_have_put_first_is_there(deploy):
    prepared = deploy.NamedProbabilitiesOperator(None).pre_process({"image": MetaTensor(torch.ones(4, 5, 6))})
    assert prepared["image"].shape == (1, 4, 5, 6) and prepared["image"].meta is not None
    assert prepared["subject"]


def test_the_application_hands_folders_archive_and_key_over_and_emits_named_results(deploy, monkeypatch, tmp_path):
    asked = {}
    result = {"study": "1.2", "call": "stage 2", "probabilities": {"stage 1": 0.3, "stage 2": 0.7}}

    @contextmanager
    def open_classifier(archive, **options):
        asked.update(archive=archive, **options)
        yield "classifier"

    def find_cases(source, classifier, skip):
        asked.update(source=source, skip=skip)
        return ["case"], {"bad.dcm": "unreadable"}

    def predict_cases(classifier, cases, output, failed):
        asked.update(cases=cases, output=output, failed=failed)
        return SimpleNamespace(results=[result], failed=failed)

    for function in (open_classifier, find_cases, predict_cases):
        monkeypatch.setattr(deploy, function.__name__, function)
    (tmp_path / "model.zip").touch()
    context = SimpleNamespace(input_path="in", output_path=str(tmp_path / "out"), model_path=str(tmp_path))
    operator = deploy.StudyClassifierOperator(None, app_context=context, key="public.pem")
    output = Output()
    operator.compute(None, output, None)
    assert output == {"results": [result]}
    assert asked == {
        "archive": tmp_path / "model.zip",
        "key": "public.pem",
        "rules": None,
        "source": Path("in"),
        "skip": (tmp_path / "out").resolve(),
        "cases": ["case"],
        "output": tmp_path / "out",
        "failed": {"bad.dcm": "unreadable"},
    }


def test_an_archive_is_found_as_zip_as_folder_and_within_a_containers_models(deploy, tmp_path):
    folder = tmp_path / "models" / "liver" / "liver_inference"
    folder.mkdir(parents=True)
    (folder / MANIFEST).touch()
    assert deploy.find_archive(folder) == folder
    assert deploy.find_archive(tmp_path / "models") == folder
    (tmp_path / "models/more.zip").touch()
    assert deploy.find_archive(tmp_path / "models/more.zip") == tmp_path / "models/more.zip"
    with pytest.raises(InputError, match=r"found liver_inference, more\.zip; expected one archive"):
        deploy.find_archive(tmp_path)
    with pytest.raises(InputError, match="found none"):
        deploy.find_archive(tmp_path / "nowhere")
