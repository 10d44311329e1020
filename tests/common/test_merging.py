from __future__ import annotations

import pytest

from common.errors import OptionError
from common.merging import check_files, check_merging, read_config
from tests.bundles.bundle_files import BUNDLES, config_files
from tests.bundles.bundle_files import read_config as plain_config
from tests.bundles.commands import over_training

SIAM = next(bundle for bundle in BUNDLES if bundle.name == "siam3d_imbalance") / "configs"
TRAIN = str(SIAM / "train.yaml")


@pytest.mark.parametrize("bundle", BUNDLES, ids=lambda bundle: bundle.name)
def test_every_stage_and_every_overlay_of_it_merges(bundle):
    contents = {path: plain_config(path) for path in config_files(bundle) if path.suffix == ".yaml"}
    stages = {path: over_training([path]) for path, content in contents.items() if "run" in content}
    overlays = [path for path in contents if path not in stages]
    assert overlays and len(stages) >= 4
    for stage, files in stages.items():
        check_merging(
            [*map(str, files)], [next(key for key in ("training", "evaluating") if key in contents[stage])], {}
        )
    for overlay in overlays:
        of_method = "method" in contents[overlay]
        roots = {name.lstrip("+").split("#")[0] for name in contents[overlay] if of_method or set("+#") & set(name)}
        merged = {path: set().union(*(contents[file].keys() for file in files)) for path, files in stages.items()}
        (first, *_) = [path for path in stages if "initialize" in merged[path] and roots - {"banks"} <= merged[path]]
        check_merging([*map(str, stages[first]), str(overlay)], [], {})


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"optimzer#lr": 8}, "optimzer#lr: no config has optimzer; did you mean optimizer?"),
        ({"optimzer::lr": 8}, "optimzer::lr: no config has optimzer; did you mean optimizer?"),
        ({"max_epochs#a": 3}, "max_epochs#a: max_epochs is 50, which has no parts"),
        ({"train#handlers#99": {}}, "train#handlers#99: found no such part in the configs; correct its name"),
        ({"train#handlers#first": {}}, "train#handlers#first: found no such part in the configs; correct its name"),
        ({"train#trainer#a#b": 1}, "train#trainer#a#b: no config has train#trainer#a; it has "),
    ],
)
def test_a_part_of_what_is_not_there_is_refused_in_one_line_with_the_nearest_name(options, message):
    with pytest.raises(OptionError) as caught:
        check_merging([TRAIN], ["training"], options)
    assert str(caught.value).startswith(message) and "\n" not in str(caught.value)


def test_all_wrong_options_are_reported_at_once_and_later_options_see_earlier_ones():
    with pytest.raises(OptionError, match=r"^options: 2 problems\n  max_epochs#a: .*\n  lss#x: .*did you mean loss\?"):
        check_merging([TRAIN], ["training"], {"max_epochs#a": 1, "lss#x": 2})
    check_merging([TRAIN], ["training"], {"mine": {}, "mine#part": 2, "optimizer#lr": 0.1, "max_epoch": 1})


def test_an_option_may_set_a_part_of_the_metadata_as_in_monais_own_command():
    check_merging([TRAIN], ["training"], {"_meta_#network_data_format#outputs": {}, "_meta_::version": "1"})


@pytest.mark.parametrize(
    ("files", "run", "message"),
    [
        (["evaluate.yaml"], "evaluating", r"evaluate.yaml: sets initialize, which no file before it has; it is an ov"),
        (["extract_features.yaml"], "evaluating", r"it is an overlay: set --config_file \"\['.*pretrain.yaml',"),
        (["paper.yaml"], "training", r"sets network_def#projector, which no .*/pretrain.yaml',.*train.yaml\)$"),
        (["se.yaml"], "training", r"^training: found nothing of this name to run in .*se.yaml; expected a training's"),
        (["train.yaml"], "evaluating", r"^evaluating: found nothing of this name to run in .*; expected training$"),
        (["metadata.json"], "training", r"^training: found nothing of this name to run in .*metadata.json; expected "),
        (["tran.yaml"], "training", r"^config_file: .*tran.yaml: found no such file; did you mean .*/train.yaml\?$"),
        (["nowhere/x.yaml"], "training", r"found no such file; expected a file of a bundle's folder configs$"),
    ],
)
def test_files_that_do_not_belong_together_are_refused_with_the_remedy(files, run, message):
    with pytest.raises(OptionError, match=message) as caught:
        check_merging([str(SIAM / file) for file in files], [run], {})
    assert "\n" not in str(caught.value)


def test_what_an_overlay_adds_to_may_be_absent_as_monai_copies_it(tmp_path):
    (tmp_path / "mine.yaml").write_text("+mine: {part: 1}\n+train#mine: [1]\n+imports: ['$import os']\n")
    check_merging([TRAIN, str(tmp_path / "mine.yaml")], ["training"], {"mine#part": 2})
    with pytest.raises(OptionError, match=r"sets \+learning_rate, but only lists and components"):
        (tmp_path / "mine.yaml").write_text("+learning_rate: {part: 1}\n")
        check_merging([TRAIN, str(tmp_path / "mine.yaml")], ["training"], {})


def test_the_remedy_for_an_overlay_of_another_stage_is_its_own_stage_instead():
    configs = SIAM.parents[1] / "radiomics_deep_contrast" / "configs"
    with pytest.raises(OptionError) as caught:
        check_merging(
            [str(configs / name) for name in ("train.yaml", "image_only.yaml", "simclr.yaml")], ["training"], {}
        )
    files = "','".join(str(configs / name) for name in ("pretrain.yaml", "simclr.yaml"))  # image_only is of train.yaml
    assert str(caught.value).endswith(f"it is an overlay: set --config_file \"['{files}']\"")


@pytest.mark.parametrize(
    ("files", "message"),
    [
        (
            ["train.yaml", "re.yaml"],
            "re.yaml: sets strategy, which train.yaml does not have; it is an overlay: set --config_file "
            "\"['pretrain.yaml','re.yaml']\"",
        ),
        (
            ["re.yaml", "train.yaml"],
            "re.yaml: sets strategy, which train.yaml does not have; it is an overlay: set --config_file "
            "\"['pretrain.yaml','re.yaml']\"",
        ),
        (
            ["train.yaml", "evaluate.yaml", "re.yaml"],
            "re.yaml: sets strategy, which train.yaml with evaluate.yaml does not have; it is an overlay: set "
            "--config_file \"['pretrain.yaml','re.yaml']\"",
        ),
        (
            ["re.yaml", "pretrain.yaml"],
            "re.yaml: sets strategy, which pretrain.yaml after it sets anew; set --config_file "
            "\"['pretrain.yaml','re.yaml']\"",
        ),
        (
            ["brats.yaml", "train.yaml"],
            "brats.yaml: sets in_channels, num_classes, which train.yaml after it sets anew; set --config_file "
            "\"['train.yaml','brats.yaml']\"",
        ),
    ],
)
def test_an_overlay_that_would_be_merged_without_effect_is_refused(files, message):
    with pytest.raises(OptionError) as caught:
        check_merging([str(SIAM / file) for file in files], ["training"], {})
    assert str(caught.value).replace(f"{SIAM}/", "") == message


@pytest.mark.parametrize("after", ["evaluate.yaml", "extract_features.yaml"])
def test_an_overlay_between_stages_may_add_to_what_the_later_one_adds_to(after, tmp_path):
    (tmp_path / "mine.yaml").write_text("+initialize: ['$print()']\n+imports: ['$import os']\n")
    base = str(SIAM / {"evaluate.yaml": "train.yaml"}.get(after, "pretrain.yaml"))
    merged = check_merging([base, str(tmp_path / "mine.yaml"), str(SIAM / after)], ["evaluating"], {})
    assert "$print()" in merged["initialize"] and "$import os" in merged["imports"]


def test_an_overlay_may_name_a_method_where_a_stage_has_no_such_name_or_another(tmp_path):
    (tmp_path / "mine.yaml").write_text("method: Mine\nlearning_rate: 0.1\n")
    assert check_merging([TRAIN, str(tmp_path / "mine.yaml")], ["training"], {})["learning_rate"] == 0.1
    configs = SIAM.parents[1] / "radiomics_deep_contrast" / "configs"
    files = [str(configs / name) for name in ("pretrain.yaml", "simclr.yaml", "extract_features.yaml")]
    check_merging(files, ["evaluating"], {})


def test_an_overlay_of_a_method_may_add_what_an_option_refers_to_and_nothing_else(tmp_path):
    (tmp_path / "mine.yaml").write_text("method: Mine\nfocal: {_target_: FocalLoss}\n")
    files = [TRAIN, str(tmp_path / "mine.yaml")]
    assert check_merging(files, ["training"], {"loss": "@focal"})["loss"] == "@focal"
    with pytest.raises(OptionError, match=r"sets focal, which train.yaml .*; give the config that has focal before"):
        check_merging(files, ["training"], {})


def test_the_remedy_for_an_overlay_given_alone_is_a_command_that_merges():
    with pytest.raises(OptionError) as caught:
        check_merging([str(SIAM / "evaluate.yaml")], ["evaluating"], {})
    words = str(caught.value).partition("set --config_file ")[2].strip('"')
    files = [word.strip("[]'") for word in words.split(",")]
    assert files == [TRAIN, str(SIAM / "evaluate.yaml")]
    check_merging(files, ["evaluating"], {})


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("a: [1", "found no readable YAML or JSON"),
        ("a: 1\na: 2\n", "found no readable YAML or JSON"),
        ("- a\n", "found list, expected ids with values"),
        ("", "found NoneType, expected ids with values"),
        ("a: \x00", "found no readable YAML or JSON"),
        ("a: " + "[" * 5000, "found no readable YAML or JSON"),
    ],
)
def test_a_file_that_is_no_config_is_refused_in_one_line(content, message, tmp_path):
    (tmp_path / "mine.yaml").write_text(content)
    with pytest.raises(OptionError, match=f"mine.yaml: {message}") as caught:
        read_config(tmp_path / "mine.yaml")
    assert "\n" not in str(caught.value)


def test_files_of_other_options_must_be_there(tmp_path):
    check_files(meta_file=None, logging_file=TRAIN)
    with pytest.raises(OptionError, match=r"^tracking: wandb: found no such file; correct it, or leave it out$"):
        check_files(tracking="wandb")
