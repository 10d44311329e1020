from __future__ import annotations

import copy
import dataclasses
import json
import os
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from monai.bundle import ConfigParser, ConfigWorkflow

from common import InputError
from common.data.phantoms import BrainPhantoms
from common.deploy import package
from common.deploy.package import TARGETS, package_bundle
from common.deploy.packaging import formats
from common.deploy.packaging.formats import FORMATS, TOLERANCE
from common.deploy.packaging.trained_classifier import recorded_settings
from common.deploy.verification.archive import open_archive
from common.deploy.verification.manifest import check_manifest
from common.deploy.verification.scan import scan_folder
from common.deploy.verification.signature import check_signature
from common.training_record import read_training_record, with_training_record
from tests.common.deploy.alone import run_alone
from tests.common.deploy.tiny_bundles import FOLDERS, OVERLAYS, SETTINGS, random_weights

SIAM, RADIOMICS = "siam3d_imbalance", "radiomics_deep_contrast"
CALIBRATION = {
    "temperature": 2.0,
    "threshold": 0.9,
    "target_accuracy": 0.9,
    "num_subjects": 40,
    "num_classes": 2,
    "expected_calibration_error": {"before": 0.2, "after": 0.05},
    "coverage": 0.7,
    "accuracy_of_calls": 0.92,
}
# Options with the settings of the model zoo's pyproject.toml, setup.cfg and runtests.sh.
STYLE = {
    "black": "--check --skip-magic-trailing-comma --line-length=120 -t py37 -t py38 -t py39",
    "isort": "--check-only --profile=black --line-length=120 --project=models",
    "flake8": (
        "--isolated --jobs=1 --max-line-length=120 --select=B,C,E,F,N,P,T4,W,B9 --per-file-ignores=__init__.py:F401 "
        "--ignore=E203,E501,E741,W503,W504,C408,N812,B023,B905,B028,B907,C419"
    ),
}
# What a user does with a zoo archive: download it, load it, train it, predict with it, export it.
USE = """
import functools, http.server, json, runpy, sys, threading
import monai, torch
served, target, data, name = sys.argv[1:]
try:
    import common
    raise SystemExit("the repository can be imported")
except ModuleNotFoundError:
    pass
quiet = type("Quiet", (http.server.SimpleHTTPRequestHandler,), {"log_message": lambda *_: None})
server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(quiet, directory=served))
threading.Thread(target=server.serve_forever, daemon=True).start()

def monai_bundle(*words):
    sys.argv = ["monai.bundle", *words]
    runpy.run_module("monai.bundle", run_name="__main__")

address = f"http://127.0.0.1:{server.server_address[1]}/{name}.zip"
monai_bundle("download", "--name", name, "--source", "github", "--url", address, "--bundle_dir", target)
root = f"{target}/{name}"
sys.path.insert(0, root)
where = {"bundle_dir": target, "device": "cpu"}
of_inference, of_training = (
    monai.bundle.load(name, workflow_type=kind, **where).eval() for kind in ("inference", "train")
)
options = ["--dataset_dir", data, "--device", "cpu"]
train = ["--max_epochs", "1", "--batch_size", "2", "--validation_fraction", "0.5", "--quiet", "True"]
monai_bundle("run", "training", "--config_file", f"{root}/configs/train.json", *options, *train)
predict = ["--section", "training"]
monai_bundle("run", "evaluating", "--config_file", f"{root}/configs/inference.json", *options, *predict)
exported = f"{root}/models/exported.ts"
export = ["--config_file", f"{root}/configs/inference.json", "--bundle_root", root, "--filepath", exported]
monai_bundle("ckpt_export", *export)
image = torch.rand(2, 1, 27, 27, 27)
with torch.no_grad():
    found = of_inference(image)
    logits = of_training(image)
    torch.testing.assert_close(torch.jit.load(exported)(image), found)
    torch.testing.assert_close(torch.jit.load(f"{root}/models/model.ts")(image), found)
    torch.testing.assert_close(logits.softmax(1), found[:, :-1])
"""


@pytest.fixture(scope="module")
def weights(tmp_path_factory) -> Path:
    return random_weights(SIAM, tmp_path_factory.mktemp("weights"))


@pytest.fixture(scope="module")
def brains(tmp_path_factory) -> Path:
    """One modality of eight brains, half of them of each grade, two folds."""
    folder = tmp_path_factory.mktemp("brains")
    BrainPhantoms(num_subjects=8, shape=(32, 32, 32), num_folds=2, centres={"A": (4, 4)}).make(folder, num_workers=1)
    path = folder / "datalist.json"
    datalist = json.loads(path.read_text())
    rows = [row | {"image": row["image"][0]} for row in datalist["training"]]
    path.write_text(json.dumps(datalist | {"training": rows, "modality": {"0": "FLAIR"}}))
    return folder


@contextmanager
def quickly() -> Iterator[None]:
    """Archives without the two formats that take long to write."""
    with pytest.MonkeyPatch.context() as patch:
        for name, target in TARGETS.items():
            few = tuple(file for file in target.formats if file not in ("model.pt2", "model.onnx"))
            patch.setitem(package.TARGETS, name, dataclasses.replace(target, formats=few))
        yield


@pytest.fixture
def quick():
    with quickly():
        yield


@pytest.fixture(scope="module")
def zoo(weights, tmp_path_factory) -> Path:
    with quickly():
        return package_bundle(SIAM, "zoo", tmp_path_factory.mktemp("zoo"), weights, **SETTINGS[SIAM])


def names_in(path: Path) -> set[str]:
    with zipfile.ZipFile(path) as archive:
        return set(archive.namelist())


def test_an_archive_of_the_zoo_holds_what_the_zoo_asks_for(zoo):
    names = {name.removeprefix(f"{SIAM}/") for name in names_in(zoo)}
    documents = {"README.md", "data_license.txt", "sbom.cdx.json", "provenance.json"}
    assert {"LICENSE", "manifest.json", "configs/logging.conf", *(f"docs/{name}" for name in documents)} <= names
    configs = {path.stem for path in (FOLDERS[SIAM] / "configs").iterdir()} - {"logging", "multi_gpu"}
    configs |= {"multi_gpu_train", "inference_trt"}  # names of the zoo
    assert {Path(name).stem for name in names if name.startswith("configs/") and name.endswith(".json")} == configs
    assert "models/model.pt" in names and not any(name.endswith((".yaml", ".gitkeep")) for name in names)
    with open_archive(zoo) as folder:
        assert check_manifest(folder) == len(names) - 1
        provenance = json.loads((folder / "docs/provenance.json").read_text())
        assert provenance["formats"]["largest_difference_below"] == TOLERANCE
        assert provenance["training_config"]["box_size"] == SETTINGS[SIAM]["box_size"]
        assert provenance["training_config"]["optimizer"]["_target_"] == "torch.optim.Adam"
        assert provenance["formats"]["reference_inputs"] == [[1, 1, 27, 27, 27], [3, 1, 27, 27, 27]]
    info = json.loads((zoo.parent / "model_info.json").read_text())
    assert list(info) == [f"{SIAM}_v0.2.0"]


@pytest.mark.slow
@pytest.mark.parametrize("tool", STYLE)
def test_the_code_of_an_archive_passes_the_style_checks_of_the_zoo(tool, zoo, tmp_path):
    with zipfile.ZipFile(zoo) as archive:
        archive.extractall(tmp_path)
    command = [sys.executable, "-m", tool, *STYLE[tool].split(), "."]
    result = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stdout + result.stderr


def test_the_same_inputs_give_the_same_bytes_in_another_folder_and_at_another_time(quick, zoo, weights, tmp_path):
    same = tmp_path / "others" / "model.pt"
    same.parent.mkdir()
    shutil.copyfile(weights, same)
    os.utime(same, (0, 0))
    again = package_bundle(SIAM, "zoo", tmp_path / "there", same, **SETTINGS[SIAM])
    assert again.read_bytes() == zoo.read_bytes()
    assert {path.name for path in again.parent.iterdir()} == {f"{SIAM}.zip", "model_info.json"}


@pytest.mark.slow
def test_an_archive_of_the_zoo_is_downloaded_loaded_trained_and_exported_without_this_repository(zoo, brains, tmp_path):
    run_alone(USE, tmp_path, zoo.parent, tmp_path / "target", brains, SIAM)
    root = tmp_path / "target" / SIAM
    assert (root / "outputs/train/fold0/model.pt").is_file()
    table = pd.read_csv(root / "outputs/inference/predictions.csv", header=None)
    assert table.shape == (8, 4) and np.allclose(table[1] + table[2], 1)
    rows = json.loads((root / "outputs/inference/predictions.json").read_text())
    assert rows[0].keys() == {"subject", "probability_0", "probability_1", "no_call"}


def test_files_that_configs_or_settings_name_travel_with_them(quick, tmp_path):
    weights, few = random_weights(RADIOMICS, tmp_path / "weights"), tmp_path / "few.yaml"
    few.write_text("imageType: {Original: {}}")
    settings = {**SETTINGS[RADIOMICS], "radiomics_settings": str(few)}
    path = package_bundle(RADIOMICS, "zoo", tmp_path / "out", weights, overlays=OVERLAYS[RADIOMICS], **settings)
    with open_archive(path) as folder:
        assert (folder / "settings/few.yaml").read_text() == few.read_text()
        train = json.loads((folder / "configs/train.json").read_text())
        assert train["radiomics_settings"] == "$@bundle_root + '/settings/few.yaml'"
        of_bundle = {file.name for file in (folder / "parameters").iterdir()}
        assert of_bundle == {"kidney_radiomics.yaml", "thyroid_radiomics.yaml"}  # of the overlays
        texts = [file.read_bytes() for file in folder.rglob("*") if file.suffix in (".json", ".py", ".md")]
        assert not any(str(tmp_path).encode() in text for text in texts)


@pytest.mark.slow
def test_an_inference_archive_predicts_without_any_code_and_abstains(weights, brains, tmp_path, monkeypatch):
    calibration = tmp_path / "calibration.json"
    calibration.write_text(json.dumps(CALIBRATION))
    path = package_bundle(SIAM, "inference", tmp_path / "out", weights, calibration=calibration, **SETTINGS[SIAM])
    with open_archive(path) as folder:
        assert folder.name == f"{SIAM}_inference" and scan_folder(folder) == []
        assert {file.name for file in (folder / "models").iterdir()} == set(FORMATS) - {"model.pt"}
        files = [file for file in folder.rglob("*") if file.is_file()]
        assert not [file for file in files if file.suffix in (".py", ".yaml", ".conf")]
        assert json.loads((folder / "configs/metadata.json").read_text())["calibration"]["threshold"] == 0.9
        monkeypatch.chdir(folder)  # bundle_root is "."
        places = {"dataset_dir": str(brains), "output_dir": str(tmp_path / "predictions")}
        workflow = ConfigWorkflow(
            "configs/inference.json", workflow_type="infer", section="training", device="cpu", **places
        )
        workflow.initialize()
        assert workflow.check_properties() == []
        workflow.run()
    rows = json.loads((tmp_path / "predictions/predictions.json").read_text())
    assert len(rows) == 8 and all(row["no_call"] == 1 for row in rows)  # nothing was learnt
    assert all(abs(row["probability_0"] + row["probability_1"] - 1) < 1e-5 for row in rows)


def test_an_archive_for_monai_label_holds_no_code_and_is_signed(weights, tmp_path):
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    private = Ed25519PrivateKey.generate()
    pem, raw = serialization.Encoding.PEM, serialization.NoEncryption()
    (tmp_path / "private.pem").write_bytes(private.private_bytes(pem, serialization.PrivateFormat.PKCS8, raw))
    public = private.public_key().public_bytes(pem, serialization.PublicFormat.SubjectPublicKeyInfo)
    (tmp_path / "public.pem").write_bytes(public)
    key = tmp_path / "private.pem"
    path = package_bundle(SIAM, "monailabel", tmp_path / "out", weights, key=key, **SETTINGS[SIAM])
    with open_archive(path) as folder:
        assert folder.name == f"{SIAM}_classification"
        check_signature(folder, tmp_path / "public.pem")
        check_manifest(folder)
        assert scan_folder(folder) == []
        assert {file.name for file in (folder / "models").iterdir()} == {"model.ts"}


def test_a_form_that_computes_something_else_stops_everything(quick, weights, tmp_path, monkeypatch):
    def write_other(source, path):
        other = copy.deepcopy(source.network)
        with torch.no_grad():
            other.head.bias += torch.tensor([0.01, 0])
        torch.jit.script(other).save(path)

    monkeypatch.setitem(formats.FORMATS, "model.ts", (write_other, formats.FORMATS["model.ts"][1]))
    with pytest.raises(InputError, match=r"model\.ts: differs from the network by 0\.00\d+ on reference inputs"):
        package_bundle(SIAM, "inference", tmp_path / "out", weights, **SETTINGS[SIAM])
    assert not list((tmp_path / "out").iterdir())


def test_code_that_someone_wrote_into_a_config_does_not_leave_the_house(quick, weights, tmp_path):
    bundle = shutil.copytree(FOLDERS[SIAM], tmp_path / SIAM, ignore=shutil.ignore_patterns("outputs", "cache", "data"))
    config = json.loads((bundle / "configs/inference.json").read_text())
    config["run"].append("$__import__('os').getcwd()")
    (bundle / "configs/inference.json").write_text(json.dumps(config))
    with pytest.raises(InputError, match=r"not packaged, as receivers would refuse it: .*\n.*__import__"):
        package_bundle(bundle, "inference", tmp_path / "out", weights, **SETTINGS[SIAM])
    assert not list((tmp_path / "out").iterdir())


@pytest.mark.parametrize(
    ("bundle", "target", "options", "message"),
    [
        (SIAM, "zoos", {}, "zoos: no target; expected one of zoo, monailabel, inference, monailabel_training"),
        ("siam", "zoo", {}, "siam: no such bundle; expected one of liver_cgc, mlsscl_3d"),
        (SIAM, "zoo", {"name": "a-b"}, "a-b: no name of an archive"),
        (SIAM, "monailabel", {"name": "lesions"}, "lesions: found no classification in the name"),
        (SIAM, "zoo", {"weights": "none.pt"}, r"none\.pt: no such file; expected the model\.pt.*--weights"),
        (SIAM, "zoo", {"channels": [8, 8, 8, 8]}, "weights of another architecture"),
        (SIAM, "zoo", {"num_classes": 3}, "weights of another architecture|names 2 channels"),
        (SIAM, "zoo", {"calibration": "none.json"}, r"none\.json: .*expected JSON with temperature, threshold"),
        (SIAM, "zoo", {"key": "none.pem"}, r"none\.pem: .*private Ed25519 key"),
        (SIAM, "zoo", {"colour": 3}, "colour: no config of siam3d_imbalance has this id"),
        (SIAM, "zoo", {"dataset_dir": "/some/where"}, "dataset_dir: /some/where is a place on this machine"),
    ],
)
def test_bad_input_is_reported_before_anything_is_written(weights, tmp_path, bundle, target, options, message):
    with pytest.raises(InputError, match=message) as caught:
        package_bundle(bundle, target, tmp_path / "out", **{"weights": weights, **SETTINGS[SIAM], **options})
    assert "\n" not in str(caught.value) and not (tmp_path / "out").exists()


@pytest.mark.parametrize("bundle", FOLDERS)
@pytest.mark.parametrize("trained", ["mlsscl_3d", RADIOMICS, SIAM])
def test_weights_of_another_bundle_are_refused_by_its_name(bundle, trained):
    weights = FOLDERS[trained] / "models/model.pt"
    if bundle == trained:
        assert recorded_settings(bundle, weights)
    else:
        with pytest.raises(InputError, match=rf"model\.pt: found weights of {trained}, expected {bundle}; name"):
            recorded_settings(bundle, weights)


def test_a_network_that_needs_more_than_an_image_is_refused(tmp_path):
    settings = {**SETTINGS[RADIOMICS], "view": "both"}
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(SETTINGS, RADIOMICS, settings)
        weights = random_weights(RADIOMICS, tmp_path)
    with pytest.raises(InputError, match=r"radiomics: none, and the view is both.*train a view of the image"):
        package_bundle(RADIOMICS, "zoo", tmp_path / "out", weights, **settings)


@pytest.fixture(scope="module")
def recorded(weights, tmp_path_factory) -> Path:
    """The same weights with a record of their training, whose intensities differ from those of inference.json."""
    train = ConfigParser.load_config_file(FOLDERS[SIAM] / "configs/train.yaml")
    scaling = {"scale_intensity": train["scale_intensity"]}
    record = {
        "bundle": SIAM,
        "config": "train",
        "settings": {**SETTINGS[SIAM], "image_size": [27, 27, 27], "spacing": [2.0, 2.0, 2.0], **scaling},
        "options": {"datalist": "/home/someone/datalist.json"},
        "classes": ["control", "glioma"],
        "modalities": ["T2"],
        "fold": None,
        "datalist": "0" * 64,
        "subjects": {"training": ["Jane Doe"], "validation": []},
        "versions": {"torch": "2.13"},
    }
    path = tmp_path_factory.mktemp("recorded") / "model.pt"
    torch.save(with_training_record(torch.load(weights, weights_only=True), record), path)
    return path


def test_an_archive_of_weights_that_know_their_training_needs_no_setting(quick, recorded, tmp_path):
    with open_archive(package_bundle(SIAM, "zoo", tmp_path, recorded)) as folder:
        metadata, inference, train = (
            json.loads((folder / f"configs/{name}.json").read_text()) for name in ("metadata", "inference", "train")
        )
        image, pred = (metadata["network_data_format"][kind] for kind in ("inputs", "outputs"))
        assert image["image"]["channel_def"] == {"0": "T2"}
        assert image["image"]["spatial_shape"] == [27, 27, 27]
        assert pred["pred"]["channel_def"] == {"0": "control", "1": "glioma", "2": "no call"}
        for config in (inference, train):
            assert config["box_size"] == [27, 27, 27] and config["spacing"] == [2.0, 2.0, 2.0]
            assert config["scale_intensity"]["_target_"] == "ScaleIntensityd"
        record = read_training_record(folder / "models/model.pt")
        assert record["classes"] == ["control", "glioma"] and record["settings"]["channels"] == [4, 4, 4, 4]
        assert record["number_of_subjects"] == {"training": 1, "validation": 0}
        texts = b"".join(path.read_bytes() for path in folder.rglob("*") if path.is_file())
        assert b"Jane Doe" not in texts and b"/home/someone" not in texts


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ({"box_size": [32, 32, 32]}, r"box_size \[32, 32, 32\], trained with \[27, 27, 27\]"),
        (
            {"_meta_#network_data_format#outputs#pred#channel_def": {"0": "glioma", "1": "control"}},
            "expected control, glioma, in this order",
        ),
    ],
)
def test_settings_that_contradict_the_weights_are_refused(settings, expected, recorded, tmp_path):
    with pytest.raises(InputError, match=expected):
        package_bundle(SIAM, "zoo", tmp_path, recorded, **settings)
    assert not list(tmp_path.iterdir())
