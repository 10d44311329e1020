from __future__ import annotations

import copy
import json
import sys
from pathlib import Path

import pytest
import torch
from monai.bundle import ConfigParser, ConfigWorkflow

from common import InputError
from common.errors import OptionError
from common.files import folder_problem
from common.option_limits import device_problem, limit_problem, unknown_arguments
from common.option_references import part_problem
from common.options import _EXAMPLES, _check_once, _check_output, _check_started, converted_options
from tests.bundles.bundle_files import BUNDLES, config_files, is_overlay, read_config
from tests.bundles.commands import over_training

DEFAULTS = {
    "max_epochs": 50,
    "learning_rate": 0.01,
    "amp": "$torch.device(@device).type == 'cuda'",
    "resume": True,
    "device": "$torch.device('cpu')",
    "storage_dtype": "$torch.float32",
    "box_size": [96, 96, 96],
    "image_size": "@box_size",
    "hidden_features": [512, 256],
    "modalities": ["T1", "T2"],
    "dataset_dir": "data",
    "spacing": None,
    "seeds": [0],
    "loss": {"_target_": "torch.nn.MSELoss"},
    "save_interval": None,
    "mask_label": None,
    "optimizer": {"_target_": "torch.optim.SGD", "lr": "@learning_rate", "momentum": 0.9},
    "use": "$[@max_epochs, @learning_rate, @amp, @resume, @image_size]",
}
LABELS = ("mask_label", "organ_label")
OVERLAY = {"spacing": [1.0, 1.0, 1.0], "box_size": [32, 32]}


@pytest.fixture
def folder(tmp_path):
    for name, content in (("train", DEFAULTS), ("small", OVERLAY), ("metadata", {"version": 1})):
        (tmp_path / f"{name}.json").write_text(json.dumps(content))
    return tmp_path


def converted(folder, **options):
    parser = ConfigParser(copy.deepcopy(DEFAULTS))
    parser.update(options)
    return converted_options(parser.get(), folder)


@pytest.mark.parametrize(
    ("name", "given", "expected"),
    [
        *(("resume", text, False) for text in ("false", "False", "FALSE", "fAlSe")),
        *(
            (
                ("amp", text, value)
                for value, texts in ((True, ("true", "True", "TRUE")), (False, ("false", "False", "FALSE")))
                for text in texts
            )
        ),
        ("max_epochs", 3.0, 3),
        ("learning_rate", 1, 1.0),
        ("box_size", (16, 16, 16), [16, 16, 16]),
        ("box_size", (16, 16), [16, 16]),  # an overlay has two axes
        ("image_size", (16, 16, 16), [16, 16, 16]),
        ("hidden_features", (8,), [8]),  # any length
        ("dataset_dir", 2024, "2024"),
        ("spacing", "null", None),
        ("loss", "None", None),
        ("save_interval", 5.0, 5),
        ("mask_label", (1, 2), [1, 2]),
        ("optimizer#lr", 1, 1.0),
    ],
)
def test_an_option_gets_the_type_of_its_default(folder, name, given, expected):
    found = converted(folder, **{name: given}).get(name, given)
    assert found == expected and type(found) is type(expected)


@pytest.mark.parametrize(
    ("name", "given", "expected"),
    [
        ("max_epochs", "ten", "a whole number, such as 50"),
        ("max_epochs", 1.5, "a whole number, such as 50"),
        ("max_epochs", True, "a whole number, such as 50"),
        ("learning_rate", "fast", "a number, such as 0.01"),
        ("amp", "maybe", "true or false"),
        ("amp", 1, "true or false"),
        ("resume", "null", "true or false"),
        ("box_size", (16, 16, 16, 16), r"a list such as \[32, 32\]"),
        ("box_size", 16, "a list such as"),
        ("seeds", ("a",), r"a list such as \[0\]"),
        ("modalities", "T1", "a list such as"),
        ("storage_dtype", "float16", r"an expression such as \$torch.float32"),
        ("loss", "mse", "a component with a _target_, or null"),
        ("spacing", "wide", "a list such as"),
        ("spacing", 2.0, "a list such as"),
        ("save_interval", "often", "a whole number, such as 1"),
        ("mask_label", "lesion", "a whole number, such as 1"),
        ("optimizer#lr", "ten", "a number, such as 0.01"),
        ("optimizer#momentum", "high", "a number, such as 0.9"),
    ],
)
def test_another_type_is_refused_in_one_line(folder, name, given, expected):
    with pytest.raises(InputError, match=f"{name}: found .*; expected {expected}.*; correct it") as caught:
        converted(folder, **{name: given})
    assert "\n" not in str(caught.value)


def test_what_is_right_and_what_monai_resolves_is_left_as_it_is(folder):
    right = {"max_epochs": 3, "amp": False, "device": "cuda:1", "storage_dtype": "$torch.float16", "loss": "@other"}
    right |= {"other": {"_target_": "torch.nn.L1Loss"}, "spacing": [2.0, 2.0, 2.0], "image_size": "$[8] * 3"}
    assert converted(folder, **right) == {}


def test_an_unknown_option_is_refused_with_the_nearest_name(folder):
    with pytest.raises(OptionError, match=r"max_epoch: no config has this option; did you mean max_epochs\?") as caught:
        converted(folder, max_epoch=1)
    assert caught.value.exit_code == 2  # as of any wrong command line
    with pytest.raises(InputError, match=r"options: 2 problems\n  x1z: no config .*\n  max_epochs: found 'ten'"):
        converted(folder, x1z=1, max_epochs="ten")


def test_an_id_of_a_users_own_overlay_is_known_when_something_refers_to_it(folder):
    assert converted(folder, pause=0.5, handler={"_target_": "torch.nn.Identity", "pause": "@pause"}) == {}
    assert converted(folder, mine=["$print(@max_epochs)"]) == {}  # what a run of its own does


def test_a_run_sees_the_converted_options(folder):
    configs = folder / "configs"
    configs.mkdir()
    check = "$common.check_options(@bundle_root)"
    content = {"imports": ["$import common"], "bundle_root": str(folder), "resume": True, "epochs": 1}
    content |= {"initialize": [check, "$seen.append((@resume, @epochs))"], "run": ["$seen.append(@resume)"]}
    (configs / "train.json").write_text(json.dumps(content))
    options = {"config_file": str(configs / "train.json"), "logging_file": False, "workflow_type": None}
    workflow = ConfigWorkflow(**options, resume="false", epochs=2.0)
    workflow.parser.globals["seen"] = seen = []
    workflow.initialize()
    workflow.run()
    assert seen == [(False, 2), False]
    with pytest.raises(RuntimeError) as caught:
        ConfigWorkflow(**options, epoch=2).initialize()
    assert "epoch: no config has this option; did you mean epochs?" in str(caught.value.__cause__)


@pytest.mark.parametrize(
    ("name", "given", "expected"),
    [
        ("max_epochs", 0, "whole numbers from 1"),
        ("box_size", [0, 8, 8], "whole numbers from 1"),
        ("image_size", [8, 8, -1], "whole numbers from 1"),  # MONAI would keep the volume's own size
        ("hidden_features", [8, 0], "whole numbers from 1"),
        ("learning_rate", -1, "0 or more"),
        ("spacing", [0, 1, 1], "more than 0"),
        ("seeds", [], "whole numbers from 0 to 4294967295"),
        ("seeds", [2**32], "whole numbers from 0 to 4294967295"),
        ("momentum", 1.5, "a number from 0 to 1"),
        ("affine_prob", 1.5, "a number from 0 to 1"),
        ("bank_momentum", 1, "a number from 0 to below 1"),
        ("alpha", -0.1, "0 or more"),
        ("lesion_share", 0, "more than 0, at most 1"),
        ("layer_decay", 0, "more than 0, at most 1"),
        ("max_weight", 0.5, "a number from 1"),
        ("slice_axis", 3, "0, 1 or 2"),
        ("temperature", float("inf"), "more than 0"),
        ("learning_rate", float("nan"), "0 or more"),
        ("mask_label", 0, "a label other than 0, the background"),
        ("optimizer#momentum", -0.9, "a number from 0 to 1"),
        ("save_interval", 0, "whole numbers from 1"),
        ("class_weight", "Balanced", "balanced or null"),
    ],
)
def test_a_value_that_no_run_can_use_is_refused_before_it(folder, name, given, expected):
    known = {
        **DEFAULTS,
        **dict.fromkeys(("affine_prob", "bank_momentum", "alpha", "lesion_share", "layer_decay", "momentum"), 0.5),
    }
    known |= {"max_weight": 3.0, "slice_axis": 2, "temperature": 0.1, "class_weight": "balanced"}
    (folder / "train.json").write_text(json.dumps(known))
    with pytest.raises(InputError, match=rf"^{name}: found .*; expected {expected}; correct it$"):
        converted(folder, **{name: given})


@pytest.mark.parametrize("bundle", BUNDLES, ids=lambda bundle: bundle.name)
def test_every_number_of_the_bundles_has_limits(bundle):
    values = [item for path in config_files(bundle) if path.suffix == ".yaml" for item in read_config(path).items()]
    numbers = {
        name.rpartition("#")[2]
        for name, value in values
        for item in (value if isinstance(value, list) else [value])
        if isinstance(item, int | float) and not isinstance(item, bool)
    }
    assert [name for name in sorted(numbers) if limit_problem(name, float("nan")) is None and name not in LABELS] == []


@pytest.mark.parametrize("bundle", BUNDLES, ids=lambda bundle: bundle.name)
def test_the_bundles_own_values_are_within_the_limits(bundle):
    for path in config_files(bundle):
        for name, value in read_config(path).items():
            assert limit_problem(name, value) is None, (path.name, name, value)


def test_an_argument_that_a_component_lacks_is_refused_with_the_nearest_name(folder):
    with pytest.raises(InputError, match=r"optimizer#lrr: torch\.optim\.SGD has no such argument; did you mean lr\?"):
        converted(folder, **{"optimizer#lrr": 0.1})
    assert converted(folder, **{"optimizer#nesterov": True}) == {}  # its class has it
    scale = {"_target_": "ScaleIntensityd", "keys": "image"}  # MONAI's short names too, within lists
    wrong = {"_target_": "Compose", "transforms": [{**scale, "minvv": 0.0}]}
    assert list(unknown_arguments("steps", wrong, {"_target_": "Compose", "transforms": [scale]})) == [
        "steps#transforms#0#minvv: ScaleIntensityd has no such argument; did you mean minv?"
    ]


def test_a_typed_option_that_only_refers_to_others_is_unknown_too(folder, monkeypatch):
    monkeypatch.setattr(sys, "argv", ["-m", "run", "mine", "--learning_rte", "@learning_rate", "--mine", "[]"])
    with pytest.raises(InputError, match=r"^learning_rte: no config has this option; did you mean learning_rate\?$"):
        converted(folder, learning_rte="@learning_rate")
    assert converted(folder, mine=["$print(@max_epochs)"]) == {}  # it is run


@pytest.mark.parametrize("again", ["--max_epochs 2", "--max-epochs=2", "--optimizer#lr 1 --optimizer::lr 2"])
def test_an_option_that_is_typed_twice_is_refused(monkeypatch, again):
    words = ["-m", "run", "training", "--max_epochs", "1", "--amp", "true", "-p", "a", "-p", "b", "--of_pytest=1"]
    monkeypatch.setattr(sys, "argv", [*words, "--of_pytest=2"])
    _check_once(DEFAULTS)
    monkeypatch.setattr(sys, "argv", [*words, *again.split()])
    with pytest.raises(OptionError, match=r"^(max_epochs|optimizer#lr): found twice on the command line"):
        _check_once(DEFAULTS)


def test_a_config_of_several_processes_needs_torchrun(monkeypatch):
    monkeypatch.delenv("RANK", raising=False)
    _check_started({"initialize": ["$common.check_options(@bundle_root)"]})
    several = {"initialize": ["$dist.is_initialized() or dist.init_process_group('gloo')"]}
    with pytest.raises(OptionError, match=r"^multi_gpu.yaml: found one process; start it by torchrun"):
        _check_started(several)
    monkeypatch.setenv("RANK", "0")
    _check_started(several)


def test_a_device_that_torch_or_this_machine_does_not_have_is_refused():
    for value in ("gpu", "0", 0, 1.5, True, ["cpu"]):  # Fire reads --device 0 as a number, which torch takes for cuda:0
        assert device_problem(value) == "cpu, or cuda:0 and so on"
    assert "CUDA devices that torch finds here" in device_problem("cuda:99")
    assert device_problem("cpu") is device_problem("$torch.device('cpu')") is device_problem(None) is None
    assert device_problem(torch.device("cpu")) is None


@pytest.mark.parametrize("bundle", BUNDLES, ids=lambda bundle: bundle.name)
def test_the_bundles_own_configs_and_overlays_are_right(bundle):
    configs = {path: read_config(path) for path in config_files(bundle) if path.suffix == ".yaml"}
    for stage in (path for path, content in configs.items() if not is_overlay(content)):
        merged = {key: value for path in over_training([stage]) for key, value in configs[Path(path)].items()}
        for overlay in ({}, *filter(is_overlay, configs.values())):
            if overlay.keys() <= merged.keys():  # an overlay of this stage, and without parts of components
                assert converted_options({**merged, **overlay}, bundle / "configs") == {}


def test_what_a_run_does_is_no_option_and_may_be_written_in_other_ways(tmp_path):
    (tmp_path / "train.yaml").write_text("max_epochs: 1\nrun: '%training'\ntraining: ['$1']\n")
    assert converted_options({"max_epochs": 1, "run": ["$2"], "training": ["$1"]}, tmp_path) == {}


def test_every_id_without_another_default_than_null_has_a_type():
    for bundle in BUNDLES:
        values = {}
        for path in config_files(bundle):
            for name, value in read_config(path).items():
                values.setdefault(name, []).append(value)
        assert {
            name for name, found in values.items() if set(map(str, found)) == {"None"} and "#" not in name
        } <= _EXAMPLES.keys()


def test_a_handler_that_another_program_takes_out_moves_the_others_and_changes_no_type(tmp_path):
    handlers = [{"_target_": "A", "log": 10}, {"_target_": "B", "log": False}]
    (tmp_path / "train.yaml").write_text(json.dumps({"train": {"handlers": handlers}}))
    assert converted_options({"train": {"handlers": handlers[1:]}}, tmp_path) == {}
    with pytest.raises(InputError, match=r"train#handlers#0#log: found 'maybe'; expected a whole number"):
        converted_options({"train": {"handlers": [{**handlers[0], "log": "maybe"}]}}, tmp_path)


@pytest.mark.parametrize(
    ("name", "given", "message"),
    [
        ("batch_size", "@max_epoch", r"found '@max_epoch', but no config has max_epoch; did you mean max_epochs\?"),
        ("batch_size", "$1 + @optimizer#lrr", r"found .*, but no config has optimizer#lrr; did you mean lr\?"),
        ("learning_rate", "$1/0", r"found '\$1/0', which fails \(ZeroDivisionError: division by zero\); correct it"),
        ("learning_rate", "$1 +", r"found '\$1 \+', which fails \(SyntaxError: invalid syntax.*\); correct it"),
        ("learning_rate", "$@max_epochs.lr", r"found .*, which fails \(AttributeError: .*\); correct it"),
        ("loss#_target_", "nosuch.Loss", r"found 'nosuch.Loss', but there is no such class or function; correct it"),
        ("loss#_target_", "torch.nn.MESLoss", r"found 'torch.nn.MESLoss', but there is no such class or function;"),
        ("train#foo", 3, r"no config has this option; it has handlers, sampler"),
        ("train#callbacks", 3, r"no config has this option; it has handlers, sampler"),
        ("train#sampelr", 3, r"no config has this option; did you mean train#sampler\?"),
    ],
)
def test_what_nothing_resolves_is_refused_before_the_run(folder, name, given, message):
    train = {"sampler": {"_target_": "torch.nn.Identity"}, "handlers": [{"_target_": "torch.nn.Identity"}]}
    base = {**DEFAULTS, "train": train, "batch_size": 2}
    (folder / "train.json").write_text(json.dumps(base))
    parser = ConfigParser(copy.deepcopy(base))
    parser.update({name: given})
    with pytest.raises(InputError, match=f"^{name}: {message}") as caught:
        converted_options(parser.get(), folder)
    assert "\n" not in str(caught.value)
    parser = ConfigParser(copy.deepcopy(base))  # of a section new ids are known where something refers to them
    parser.update({"train#mine": [1, 2], "use": "@train#mine", "batch_size": "$@train#mine#1"})
    assert converted_options(parser.get(), folder) == {}
    parser["train"] |= {7: 3}  # a key of YAML may be a number
    with pytest.raises(InputError, match=r"^train#7: no config has this option; it has handlers, sampler$"):
        converted_options(parser.get(), folder)


def test_a_part_of_what_is_not_there_or_has_no_parts_is_refused():
    assert part_problem("optimzer#lr", DEFAULTS) == "optimzer#lr: no config has optimzer; did you mean optimizer?"
    assert part_problem("max_epochs#a", DEFAULTS) == "max_epochs#a: max_epochs is 50, which has no parts"
    assert part_problem("seeds#3#a", DEFAULTS) == "seeds#3#a: no config has seeds#3; it has 1 entries"
    assert part_problem("optimizer::lr", DEFAULTS) is part_problem("max_epochs", DEFAULTS) is None


def test_an_output_folder_without_a_name_is_refused_and_not_the_folder_of_the_command():
    for name in ("", " "):
        with pytest.raises(OptionError, match=r"^output_dir: found no name, expected a folder for the results"):
            _check_output({"output_dir": name})


def test_an_output_folder_that_cannot_be_made_is_refused_before_anything_is_read(tmp_path):
    (tmp_path / "file").write_text("")
    for folder in ("/proc/nowhere/run", str(tmp_path / "file/run")):
        assert str(folder_problem(folder)).startswith(f"{folder}: cannot be written (")
    assert folder_problem(tmp_path / "new/run") is None and [each.name for each in tmp_path.iterdir()] == ["file"]
