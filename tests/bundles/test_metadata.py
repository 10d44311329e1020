"""metadata.json of every bundle describes the bundle correctly and passes MONAI's check offline."""

from __future__ import annotations

import configparser
import copy
import json
import re

import pytest
from monai.bundle import verify_metadata

from common.deploy.packaging.versions import read_versions
from tests.bundles.bundle_files import BUNDLES, METADATA_SCHEMA, config_files, read_config

PATHS = [pytest.param(bundle / "configs/metadata.json", id=bundle.name) for bundle in BUNDLES]


@pytest.fixture
def no_network(monkeypatch):
    def refuse(*args, **kwargs):
        raise AssertionError("the network was asked")

    monkeypatch.setattr("socket.socket.connect", refuse)


@pytest.mark.parametrize("path", PATHS)
def test_metadata_passes_the_schema_without_a_network(path, no_network):
    verify_metadata(meta_file=str(path), filepath=str(METADATA_SCHEMA))


@pytest.mark.parametrize(
    "damage",
    [
        lambda metadata: metadata.pop("version"),
        lambda metadata: metadata.pop("changelog"),
        lambda metadata: metadata.update(monai_version=1.6),
        lambda metadata: metadata.update(required_packages_version={"nibabel": ">=5"}),
        lambda metadata: metadata.update(supported_apps=[]),
        lambda metadata: metadata["network_data_format"].pop("outputs"),
        lambda metadata: metadata["network_data_format"]["inputs"]["image"].pop("dtype"),
        lambda metadata: metadata["network_data_format"]["outputs"]["pred"].pop("channel_def"),
    ],
)
def test_the_schema_refuses_damaged_metadata(damage, tmp_path, no_network):
    metadata = copy.deepcopy(read_config(BUNDLES[0] / "configs/metadata.json"))
    damage(metadata)
    path = tmp_path / "metadata.json"
    path.write_text(json.dumps(metadata))
    with pytest.raises(ValueError, match="Failed validating"):
        verify_metadata(meta_file=str(path), filepath=str(METADATA_SCHEMA))


OF_SCRIPTS = {"cyclopts", "docstring-parser"}  # command lines, which no bundle has


@pytest.mark.parametrize("path", PATHS)
def test_the_changelog_holds_the_version(path):
    metadata = read_config(path)
    assert metadata["version"] in metadata["changelog"]


@pytest.mark.parametrize("path", PATHS)
def test_the_versions_are_those_known_to_install_on_python_3_10_to_3_13_for_all_that_the_project_requires(
    path, project
):
    metadata = read_config(path)
    pins = {
        "monai": metadata["monai_version"],
        "torch": metadata["pytorch_version"],
        "numpy": metadata["numpy_version"],
    }
    pins |= metadata["required_packages_version"]
    assert "optional_packages_version" not in metadata  # MONAI 1.6 would read it as the required ones
    setup = configparser.ConfigParser()
    setup.read(project / "setup.cfg")
    required = [line for line in setup["options"]["install_requires"].split("\n") if line and not line.startswith("#")]
    assert sorted(pins) == sorted({re.match(r"[\w-]+", line)[0] for line in required} - OF_SCRIPTS)
    assert pins.items() <= read_versions().items()


@pytest.mark.parametrize("path", PATHS)
def test_every_channel_has_a_name(path):
    form = read_config(path)["network_data_format"]
    for tensor in [*form["inputs"].values(), *form["outputs"].values()]:
        assert sorted(tensor["channel_def"]) == [str(channel) for channel in range(tensor["num_channels"])]
    assert (
        next(iter(form["inputs"])) == "image" and next(iter(form["outputs"])) == "pred"
    )  # the zoo and apps ask for it


@pytest.mark.parametrize("path", PATHS)
def test_metadata_agrees_with_the_defaults_of_the_configs(path):
    form = read_config(path)["network_data_format"]
    image, pred = form["inputs"]["image"], form["outputs"]["pred"]
    configs = [read_config(file) for file in config_files(path.parents[1]) if file.stem == "inference"]
    assert configs
    for config in configs:
        assert config["in_channels"] == image["num_channels"]
        assert config.get("box_size", config["image_size"]) == image["spatial_shape"]
        assert config["num_classes"] == pred["num_channels"]
