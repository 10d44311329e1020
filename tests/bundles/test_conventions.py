"""What all bundles' configs have in common, so that who knows one knows the others."""

from __future__ import annotations

import itertools
import re
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest
from monai.bundle import ConfigParser
from monai.bundle.workflows import _reject_executable_logging_config

from common.bundle_configs import BASES
from common.references import closure
from tests.bundles.bundle_files import BUNDLES, config_files, is_overlay, read_config
from tests.bundles.commands import over_training

CONFIGS = {f"{path.parents[1].name}/{path.name}": path for bundle in BUNDLES for path in config_files(bundle)}
MAIN = {name: path for name, path in CONFIGS.items() if not is_overlay(read_config(path))}
OVERLAYS = {name: path for name, path in CONFIGS.items() if name not in MAIN}
EVERYWHERE = ("bundle_root", "dataset_dir", "datalist", "output_dir", "device", "amp", "initialize", "run")
#: Ids of a stage in all bundles, in this order; a bundle has others between them.
SAME = {
    "pretrain": """imports bundle_root dataset_dir datalist output_dir cache_dir device fold transductive part_name
        image_size scale_intensity cache_rate storage_dtype num_workers seed max_epochs batch_size learning_rate
        weight_decay amp memory_format save_interval resume method stop_on_collapse quiet augment network_def
        network_start network loss optimizer prepare_batch cohort rows transforms train initialize run training""",
    "train": """imports bundle_root dataset_dir datalist output_dir cache_dir device pretrained_encoder fold
        all_subjects part_name validation_fraction label_fraction label_seed num_classes in_channels image_size
        scale_intensity cache_rate storage_dtype num_workers seed max_epochs val_interval batch_size learning_rate
        weight_decay dropout amp memory_format save_interval resume quiet augment network_def network_start network
        loss optimizer cohort rows split transforms train validate validator initialize run training""",
    "evaluate": """output_dir checkpoint allow_training_subjects predictions torchscript probabilities classifier
        trained scored preprocessing dataset dataloader inferer handlers evaluator report export run evaluating
        exporting""",
    "extract_features": """output_dir checkpoint learnt_table trained everyone preprocessing dataset dataloader
        inferer handlers evaluator run evaluating""",
}
NO_NETWORK = ("amp", "device")  # ids that a config without a network needs not have


def merged(name: str) -> dict[str, Any]:
    """A stage with the config of the training over which it lies."""
    return ConfigParser.load_config_files([str(path) for path in over_training([MAIN[name]])])


@pytest.mark.parametrize("name", MAIN)
def test_a_config_has_the_ids_that_every_command_line_may_set(name):
    config = merged(name)
    missing = [key for key in EVERYWHERE if key not in config]
    if "network_def" not in config:
        missing = [key for key in missing if key not in NO_NETWORK]
    assert not missing
    trains = "train" in read_config(MAIN[name])
    run = "training" if trains else "evaluating"
    assert config["run"] == f"%{run}" or config[run] == "%run"  # `run training` and MONAI Label's `run` are one
    assert ("max_epochs" in read_config(MAIN[name])) == trains


@pytest.mark.parametrize("name", [name for name, path in MAIN.items() if path.stem in BASES])
def test_evaluation_changes_nothing_that_its_training_reads(name):
    training = read_config(Path(over_training([MAIN[name]])[0]))
    own = {key if key == "+initialize" else key.lstrip("+").split("#")[0] for key in read_config(MAIN[name])}
    read = set(closure(training, ["training", "initialize"]))
    # the output is the stage's own, and the number of radiomics is what the training's scaling says
    assert own & read <= {"output_dir", "num_radiomics", "+initialize"}


@pytest.mark.parametrize("name", CONFIGS)
def test_a_config_refers_to_ids_and_not_to_places_in_lists(name):
    text = CONFIGS[name].read_text()
    assert not re.search(r"[@%][\w#]+#\d|^['\"]?[\w#]+#\d", text, re.MULTILINE)


@pytest.mark.parametrize("name", [name for name, path in MAIN.items() if path.suffix == ".yaml"])
def test_options_are_checked_before_anything_is_read(name):
    initialize = merged(name)["initialize"]
    assert initialize[:2] == ["$common.brief_input_errors()", "$common.check_options(@bundle_root)"]


@pytest.mark.parametrize(("one", "other"), list(itertools.combinations(MAIN, 2)))
def test_siblings_have_the_ids_that_they_share_in_the_same_order(one, other):
    ids, others = list(read_config(MAIN[one])), list(read_config(MAIN[other]))
    assert [key for key in ids if key in others] == [key for key in others if key in ids]


@pytest.mark.parametrize("bundle", BUNDLES, ids=lambda bundle: bundle.name)
@pytest.mark.parametrize("stage", SAME)
def test_a_stage_has_the_same_ids_in_the_same_order_in_all_bundles(stage, bundle):
    ids = list(read_config(bundle / f"configs/{stage}.yaml"))
    expected = SAME[stage].split()
    assert [key for key in ids if key in expected] == expected


@pytest.mark.parametrize("name", OVERLAYS)
def test_an_overlay_sets_only_ids_that_a_config_of_its_bundle_has(name):
    siblings = (read_config(path) for key, path in MAIN.items() if key.split("/")[0] == name.split("/")[0])
    known = {"finalize"}.union(*siblings)
    assert {key.lstrip("+").split("#")[0] for key in read_config(OVERLAYS[name])} <= known


@pytest.mark.parametrize("name", [name for name, path in MAIN.items() if "train" in read_config(path)])
def test_training_has_the_form_that_monai_label_and_tracking_patch(name):
    train = read_config(MAIN[name])["train"]
    assert train["trainer"]["train_handlers"] == "@train#handlers"
    assert all(isinstance(handler, dict) for handler in train["handlers"])
    assert {"trainer", "dataset", "inferer", "preprocessing"} <= train.keys()


@pytest.mark.parametrize("name", CONFIGS)
def test_a_config_holds_no_path_of_a_machine_and_no_macro_of_another_file(name):
    text = CONFIGS[name].read_text()
    assert not re.search(r"(/home/|/root/|/work/|/mnt/|/data/\w|[A-Z]:\\\\)", text)
    assert not re.search(r"%[\w./]+\.(json|ya?ml)", text)  # such macros depend on the working directory


@pytest.mark.parametrize("name", [name for name in MAIN if name.endswith("/inference.json")])
def test_inference_uses_nothing_but_monai_and_torch(name):
    text = MAIN[name].read_text()
    assert "common" not in text and "scripts" not in text  # hospital platforms refuse archives with Python
    targets = [target for target in re.findall(r'"_target_": "([^"]+)"', text) if "." in target]
    assert all(target.split(".")[0] in ("monai", "torch") for target in targets)
    assert set(re.findall(r"\$import (\w+)", text)) <= {"os", "json", "pathlib", "sys", "torch", "monai"}


@pytest.mark.parametrize("bundle", BUNDLES, ids=lambda bundle: bundle.name)
def test_a_bundle_has_the_files_that_the_model_zoo_asks_for(bundle):
    for name in ("LICENSE", "configs/metadata.json", "configs/logging.conf", "docs/README.md", "docs/data_license.txt"):
        assert (bundle / name).is_file(), name
    assert config_files(bundle) and (bundle / "configs/inference.json").is_file()
    _reject_executable_logging_config(str(bundle / "configs/logging.conf"))


@pytest.mark.parametrize("name", [name for name in MAIN if "class_weights" in read_config(MAIN[name])])
def test_class_weights_of_null_weigh_all_classes_alike(name):
    ids = deepcopy(read_config(MAIN[name]))  # which is read once, and changed by the parser
    parser = ConfigParser(ids | {"class_weights": None, "device": "cpu"})
    assert parser.get_parsed_content("loss").weight is None
