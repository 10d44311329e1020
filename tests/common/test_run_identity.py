from __future__ import annotations

import copy
import hashlib
import os

import pytest
from monai.bundle import ConfigParser

from common.run_identity import identity_of
from tests.bundles.bundle_files import BUNDLES, read_config

TRAINED = {f"{bundle.name}/{path.stem}": path for bundle in BUNDLES for path in bundle.glob("configs/*train*.yaml")}
TRAINED = {name: path for name, path in TRAINED.items() if "run" in read_config(path)}  # overlays are none
#: What a user may change when a run goes on.
FREE = {
    "output_dir": "elsewhere",
    "cache_dir": "elsewhere",
    "device": "cuda",
    "quiet": True,
    "num_workers": 3,
    "radiomics_workers": 3,
    "cache": "disk",
    "cache_rate": 0.5,
    "save_interval": 7,
    "resume": "$1 > 2",
    "stop_on_collapse": True,
    "activation_checkpointing": True,
    "encoder_name": "mine",
}
#: What makes it another run, in whatever bundle has it.
BOUND = {
    "seed": 17,
    "fold": 3,
    "datalist": "other.json",
    "learning_rate": 0.5,
    "weight_decay": 0.5,
    "batch_size": 4,
    "image_size": [8, 8, 8],
    "box_size": [8, 8, 8],
    "roi_size": [8, 8, 8],
    "mask_label": 7,
    "spacing": [3.0, 3.0, 3.0],
    "mean": [0.0, 0.0, 0.0],
    "std": [1.0, 1.0, 1.0],
    "warmup_epochs": 5,
    "warmup_steps": 5,
    "crop_margin": 4,
    "storage_dtype": "$torch.float16",
    "amp": True,
    "label_fraction": 0.3,
    "label_seed": 9,
    "validation_fraction": 0.5,
    "val_interval": 3,
    "dropout": 0.7,
    "momentum": 0.5,
    "temperature": 3.0,
    "transductive": True,
    "shuffle_radiomics": True,
    "flip_prob": 0.9,
    "pretrained_encoder": "model.pt",
    "augment#transforms": [],
    "optimizer#_target_": "torch.optim.AdamW",
    "loss#reduction": "sum",
}
#: Overlays with which ids of a config act that are theirs alone.
ACTING = {("liver_cgc/pretrain", "momentum"): "byol_mda.yaml"}


def config_of(name, overlay=None, **options):
    parser = ConfigParser(copy.deepcopy(read_config(TRAINED[name])))
    if overlay is not None:
        parser.read_config([str(TRAINED[name]), str(TRAINED[name].with_name(overlay))])
    parser.update({key: value for key, value in options.items() if key.split("#")[0] in parser})
    return parser.get()


@pytest.mark.parametrize("name", TRAINED)
def test_what_changes_no_result_may_change(name):
    assert identity_of(config_of(name, **FREE)) == identity_of(config_of(name))


@pytest.mark.parametrize("name", TRAINED)
def test_what_changes_a_result_makes_another_run(name):
    for option in (option for option in BOUND if option.split("#")[0] in read_config(TRAINED[name])):
        overlay = ACTING.get((name, option))
        before, after = (identity_of(config_of(name, overlay, **given)) for given in ({}, {option: BOUND[option]}))
        changed = {key.split("#")[0] for key in {**before, **after} if before.get(key) != after.get(key)}
        assert option.split("#")[0] in changed, option


def test_a_run_may_go_on_for_longer_unless_its_learning_rate_falls_until_the_end():
    for name, path in TRAINED.items():
        others = path.read_text().count("@max_epochs") - 1  # beside the trainer's own
        assert ("max_epochs" in identity_of(config_of(name))) == bool(others), name


def test_loggers_and_tracking_may_come_and_go():
    config = config_of("siam3d_imbalance/pretrain")
    before = identity_of(config)
    config["train"]["handlers"].insert(0, {"_target_": "MLFlowHandler", "tracking_uri": "elsewhere"})
    assert identity_of(config) == before
    config["train"]["handlers"].append({"_target_": "common.handlers.MomentumUpdate", "momentum": 0.9})
    assert identity_of(config) != before


def test_values_are_resolved_and_plain():
    found = identity_of(config_of("siam3d_imbalance/pretrain", dataset_dir="data", candidates_per_cluster=4))
    assert found["datalist"] == "data/datalist.json" and found["candidates_per_cluster"] == 4
    assert found["image_size"] == [96, 96, 96] and found["optimizer#_target_"].startswith("torch.optim.")
    assert "dataset_dir" not in found and not any(key.startswith("validate") for key in found)


def test_files_are_known_by_content_and_absolute_paths_without_a_file_as_such(tmp_path):
    for name, content in (("datalist.json", b"{}"), ("model.pt", b"weights")):
        (tmp_path / name).write_bytes(content)
    options = {"datalist": str(tmp_path / "datalist.json"), "pretrained_encoder": str(tmp_path / "model.pt")}
    config = {"training": ["@datalist", "@scaling_of", "@word", "@pretrained_encoder"], **options, "word": "plain"}
    config["scaling_of"] = "$@pretrained_encoder + '.json'"
    ids = {"dataset_dir": "images", "identity": "$common.run_identity()"}
    found = ConfigParser(config | ids, globals={"common": "common"}).get_parsed_content("identity")
    assert found["dataset_dir"] == os.path.realpath("images")  # also where a link leads there
    found = {name: value for name, value in found.items() if name.endswith("(content)")}
    digests = [hashlib.sha256(content).hexdigest()[:12] for content in (b"{}", b"weights")]
    names = [f"{name} (content)" for name in ("datalist", "pretrained_encoder", "scaling_of")]
    assert found == dict(zip(names, [*digests, None], strict=True))
