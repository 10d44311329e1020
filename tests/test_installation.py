"""What setup.cfg and constraints.txt promise."""

from __future__ import annotations

import configparser
import json
import subprocess
import sys
from importlib.metadata import distributions

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name
from packaging.version import Version


@pytest.fixture(scope="module")
def pins(project) -> list[Requirement]:
    lines = (project / "constraints.txt").read_text().splitlines()
    return [Requirement(line) for line in lines if not line.startswith("#")]


@pytest.fixture(scope="module")
def setup(project) -> configparser.ConfigParser:
    parser = configparser.ConfigParser()
    parser.read(project / "setup.cfg")
    return parser


def test_the_constraints_pin_one_version_of_each_package(pins):
    assert all([specifier.operator for specifier in pin.specifier] == ["=="] for pin in pins)
    names = [canonicalize_name(pin.name) for pin in pins]
    assert len(names) == len(set(names))


def test_every_requirement_has_a_lower_bound_that_its_pin_keeps(setup, pins):
    pinned = {canonicalize_name(pin.name): next(iter(pin.specifier)).version for pin in pins}
    lists = [setup["options"]["install_requires"], *setup["options.extras_require"].values()]
    lines = [line for text in lists for line in text.splitlines() if line and not line.startswith("#")]
    assert len(lines) > 20
    for requirement in map(Requirement, lines):
        assert requirement.specifier, requirement
        assert requirement.specifier.contains(pinned[canonicalize_name(requirement.name)]), requirement


def test_the_pinned_packages_install_on_the_oldest_python_that_setup_cfg_allows(setup, pins):
    oldest = Version(setup["options"]["python_requires"].removeprefix(">=") + ".0")
    pinned = {(canonicalize_name(pin.name), next(iter(pin.specifier)).version) for pin in pins}
    here = [each for each in distributions() if (canonicalize_name(each.name), each.version) in pinned]
    needs = {each.name: SpecifierSet(each.metadata.get("Requires-Python") or "") for each in here}
    assert len(needs) > 20 and not {name: str(need) for name, need in needs.items() if not need.contains(oldest)}


def test_the_package_is_found_from_any_folder_and_the_tests_are_not(tmp_path):
    program = "import importlib.util as u, common; print(common.__name__, u.find_spec('tests'), u.find_spec('scripts'))"
    result = subprocess.run([sys.executable, "-I", "-c", program], cwd=tmp_path, capture_output=True, text=True)
    assert result.stdout.split() == ["common", "None", "None"], result.stderr


def test_the_licence_is_the_whole_apache_2_and_every_bundle_has_it(project):
    text = (project / "LICENSE").read_text()
    assert "Version 2.0, January 2004" in text and "END OF TERMS AND CONDITIONS" in text
    for bundle in (project / "bundles").iterdir():
        assert (bundle / "LICENSE").read_text() == text, bundle


def test_the_citation_names_the_version_that_is_installed(project, setup):
    citation = yaml.safe_load((project / "CITATION.cff").read_text())
    assert citation["version"] == setup["metadata"]["version"]
    assert len(citation["references"]) == len(list((project / "bundles").iterdir()))


def test_the_dev_container_installs_by_the_script_with_extras_that_exist(project, setup):
    lines = (project / ".devcontainer/devcontainer.json").read_text().splitlines()
    content = json.loads("\n".join(line for line in lines if not line.lstrip().startswith("//")))
    command, script, *extras = content["postCreateCommand"].split()
    assert (command, script) == ("bash", "scripts/install.sh") and (project / script).is_file()
    assert set(extras) <= set(setup["options.extras_require"])
