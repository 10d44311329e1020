"""The bill of materials is the pins, in a form that others' tools read."""

from __future__ import annotations

import json
import re
from importlib.metadata import version

import pytest
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator

from common import InputError
from common.deploy.packaging import sbom
from common.deploy.packaging.sbom import write_sbom


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    return write_sbom(tmp_path_factory.mktemp("sbom") / "sbom.cdx.json")


def test_it_passes_cyclonedx_own_schema(path):
    assert JsonStrictValidator(SchemaVersion.V1_6).validate_str(path.read_text()) is None


def test_it_has_every_line_of_the_pins_and_no_other(path, project):
    lines = [line.split(";")[0] for line in (project / "constraints.txt").read_text().splitlines()]
    pins = {line.strip() for line in lines if line and not line.startswith("#")}
    content = json.loads(path.read_text())
    assert {f"{part['name']}=={part['version']}" for part in content["components"]} == pins
    addresses = {part["purl"] for part in content["components"]}
    assert re.search(r"pkg:pypi/torch@[\d.]+", " ".join(addresses))
    (root,) = (entry for entry in content["dependencies"] if entry["ref"] == "root")
    assert set(root["dependsOn"]) == addresses


def test_it_has_the_same_bytes_each_time(path, tmp_path):
    assert write_sbom(tmp_path / "again.json").read_bytes() == path.read_bytes()


def test_where_a_package_is_pinned_for_some_pythons_alone_it_says_so(path):
    parts = {part["name"]: part for part in json.loads(path.read_text())["components"]}
    (where,) = parts["pyradiomics"]["properties"]
    assert where["value"] == 'python_version < "3.12"' and "properties" not in parts["torch"]


def test_an_installed_project_without_its_checkout_says_so_in_one_line(tmp_path):
    with pytest.raises(InputError, match=r"constraints\.txt: no such file; expected the project's checkout") as refused:
        write_sbom(tmp_path / "sbom.json", project=tmp_path)
    assert "\n" not in str(refused.value) and not list(tmp_path.iterdir())


def test_all_lines_that_are_no_pins_are_reported_at_once(tmp_path):
    (tmp_path / "constraints.txt").write_text("# pins\ntorch>=2\nmonai==1.6.1\n-r other.txt\n")
    with pytest.raises(InputError, match=r"2 problems\n  line 2: 'torch>=2'.*\n  line 4: '-r other.txt'"):
        write_sbom(tmp_path / "sbom.json", project=tmp_path)


def test_without_a_checkout_it_is_what_is_installed_of_the_requirements(tmp_path, monkeypatch):
    monkeypatch.setattr(sbom, "PROJECT", tmp_path)
    content = json.loads(sbom.write_sbom(tmp_path / "sbom.json", project=tmp_path).read_text())
    parts = {part["name"].lower(): part["version"] for part in content["components"]}
    assert {"torch", "monai", "filelock"} <= parts.keys()  # filelock: by way of torch
    assert all(version(name) == found for name, found in parts.items())
    assert content["metadata"]["component"]["version"] == version("clinical-ssl-bundles")
