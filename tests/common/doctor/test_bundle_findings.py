from __future__ import annotations

import json

import pytest

from common.doctor import examine_bundle
from common.errors import InputError

METADATA = dict.fromkeys(("name", "version", "monai_version", "pytorch_version", "network_data_format", "task"), "1")
TRAIN = """
imports:
- $import common
size: 3
network_def:
  _target_: torch.nn.Linear
  in_features: '@size'
  out_features: 2
optimizer: {_target_: torch.optim.Adam, params: $@network_def.parameters(), lr: 0.1}
text: $'50 %' + str(10 % 3)
handlers: [{_target_: torch.nn.Dropout, p: 0.5}, '@optimizer']
run: [$@network_def.train()]
"""


@pytest.fixture
def bundle(tmp_path):
    """Writes a bundle with files of given texts; an overlay changes nothing unless it is given."""

    def write(**files: str):
        configs = tmp_path / "small" / "configs"
        configs.mkdir(parents=True, exist_ok=True)
        (configs / "metadata.json").write_text(json.dumps(METADATA))
        for name, text in {"train": TRAIN, **files}.items():
            (configs / f"{name}.yaml").write_text(text)
        return configs.parent

    return write


def errors(folder) -> list[str]:
    return [f"{each.place}: {each.text}" for each in examine_bundle(folder).found if each.level == "error"]


def test_a_sound_bundle_has_no_error(bundle):
    assert errors(bundle(small="size: 4\nnetwork_def#bias: false")) == []


@pytest.mark.parametrize(
    ("overlay", "error"),
    [
        (
            "network_def: {_target_: torch.nn.Linaer}",
            "small.yaml: network_def#_target_: torch.nn.Linaer cannot be imported",
        ),
        ("network_def: {_target_: common.networks.NoNet}", "small.yaml: network_def#_target_: common.networks.NoNet"),
        ("network_def#in_feature: 4", "small.yaml: network_def: torch.nn.Linear has no argument in_feature"),
        ("size: '@sise'", "small.yaml: size: @sise names no id"),
        ("text: '%sise'", "small.yaml: text: %sise names no id"),
        ("optimizer#lr: '@optimizer#rate'", "small.yaml: optimizer#lr: @optimizer#rate names no id"),
        ("text: $common.data.no_function('a')", "small.yaml: text: common.data.no_function does not exist"),
        ("text: $1 +", "small.yaml: text: no Python"),
        ("sise: 4", "small.yaml: sise: no stage has this id"),
        ("size: [", "small.yaml: cannot be read"),
        ("text: '%other.yaml#size'", "small.yaml: text: other.yaml does not exist"),
        ("network_def: {_traget_: torch.nn.Linear}", "small.yaml: network_def#_traget_: _traget_ is no key"),
        ("network_def#_mode_: calable", "small.yaml: network_def#_mode_: found 'calable', expected one of"),
        ("network_def: {_target_: torch.nn.Linear, in_features: 2}", "small.yaml: network_def: torch.nn.Linear needs"),
        ("network_def: {_target_: torch.nn}", "small.yaml: network_def#_target_: torch.nn is no class or function"),
        ("text: '@size.real'", "small.yaml: text: '@size.real' is no reference"),
        ("text: '@network_def#weight#0'", "small.yaml: text: @network_def#weight#0 names no id"),
        ("text: '$math.pi'", "small.yaml: text: math is not defined"),
        ("text: '$[@text]'", "small.yaml: text: @text leads back to itself: text -> text"),
    ],
)
def test_what_does_not_resolve_is_named_with_file_and_id(bundle, overlay, error):
    found = errors(bundle(small=overlay))
    assert len(found) == 1 and found[0].startswith(error), found


def test_names_that_an_expression_or_an_import_binds_are_defined(bundle):
    lines = ("names: '$[name for name in dir(math)]'", "more: '$(lambda a, b=1: a + b)(@size)'")
    assert errors(bundle(train="\n".join((TRAIN.replace("import common", "import math"), *lines)))) == []


def test_an_unreadable_stage_is_one_error_and_not_one_for_each_config_that_extends_it(bundle):
    folder = bundle(train="size: [", evaluate="text: '@size'\nrun: []", overlay="size: 3")
    assert len(found := errors(folder)) == 1 and found[0].startswith("train.yaml: cannot be read")


@pytest.mark.parametrize(
    ("content", "message"),
    [({"a": "@b", "b": "@a"}, "circular"), ({"a": "@d#b", "c": {"b": 1}, "d": "@c"}, "not defined")],
)
def test_a_circle_and_a_part_of_a_reference_do_not_resolve_in_monai_either(content, message):
    from monai.bundle import ConfigParser

    with pytest.raises(ValueError, match=message):
        ConfigParser(content).get_parsed_content("a")


def test_nothing_is_run_or_instantiated(bundle, tmp_path):
    trap = f"text: $open({str(tmp_path / 'trap')!r}, 'w')"
    assert errors(bundle(small=trap)) == []
    assert not (tmp_path / "trap").exists()


def test_incomplete_metadata_are_an_error(bundle):
    folder = bundle()
    (folder / "configs" / "metadata.json").write_text("{}")
    assert errors(folder) == [f"metadata.json: no {', '.join(METADATA)}"]


@pytest.mark.slow
@pytest.mark.parametrize("name", ["liver_cgc", "mlsscl_3d", "radiomics_deep_contrast", "siam3d_imbalance"])
def test_the_bundles_have_no_error(name):
    assert errors(name) == []


def test_no_such_bundle_is_one_line():
    with pytest.raises(InputError, match="no such bundle"):
        examine_bundle("siam4d")
