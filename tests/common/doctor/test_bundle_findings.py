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
    ],
)
def test_what_does_not_resolve_is_named_with_file_and_id(bundle, overlay, error):
    found = errors(bundle(small=overlay))
    assert len(found) == 1 and found[0].startswith(error), found


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
