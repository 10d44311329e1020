"""Packages with which an archive was built and tested: a software bill of materials in CycloneDX's JSON."""

from __future__ import annotations

import configparser
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path
from typing import Any

from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name

from ...errors import InputError, one_line
from ...files import write_atomically

__all__ = ["PROJECT", "read_pins", "write_sbom"]

PROJECT = Path(__file__).resolve().parents[3]
DISTRIBUTION = "clinical-ssl-bundles"


def write_sbom(path: str | Path, project: str | Path = PROJECT) -> Path:
    """Write CycloneDX 1.6 of the environment that ``constraints.txt`` pins: each package's name, version and address.

    It contains no time and no random number, so that the same pins give the same bytes.

    Args:
        path: path of the JSON file.
        project: checkout with ``constraints.txt`` and ``setup.cfg``.

    Returns:
        ``path``.

    Raises:
        InputError: the project is no checkout, a pin is unreadable, or cyclonedx-python-lib is not installed.
    """
    try:
        from cyclonedx.output.json import JsonV1Dot6
    except ImportError as error:
        raise InputError(
            f"the SBOM: {error}; expected cyclonedx-python-lib; run: pip install 'clinical-ssl-bundles[deploy]'"
        ) from error
    return write_atomically(path, JsonV1Dot6(_bom(Path(project))).output_as_string(indent=4) + "\n")


def read_pins(project: str | Path = PROJECT) -> list[Requirement]:
    """The lines of ``constraints.txt``, each with one exact version, sorted.

    Of an installation without the checkout, the versions that are installed of all that it needs or may use.

    Raises:
        InputError: there is no such file in ``project``, or a line is no pin.
    """
    path = Path(project) / "constraints.txt"
    if project == PROJECT and not (path.is_file() or (PROJECT / "setup.cfg").is_file()):
        return _installed_pins()
    try:
        lines = [line.strip() for line in path.read_text().splitlines()]
    except FileNotFoundError as error:
        raise InputError(f"{path}: no such file; expected the project's checkout; run this from one") from error
    pins, problems = [], []
    for number, line in enumerate(lines, 1):
        if line and not line.startswith("#"):
            try:
                pins.append(Requirement(line))
                if [specifier.operator for specifier in pins[-1].specifier] != ["=="]:
                    raise InvalidRequirement("no exact version")
            except InvalidRequirement as error:
                problems.append(f"line {number}: {line!r} ({one_line(error)}); expected name==version; correct it")
    if problems:
        raise InputError.of_rows(str(path), problems)
    return sorted(pins, key=lambda pin: (pin.name.lower(), str(pin)))


def _installed_pins() -> list[Requirement]:
    """Name and version of each installed package that this one requires, directly or not, extras included."""
    found: dict[str, Requirement] = {}
    names = [DISTRIBUTION]
    while names:
        for line in distribution(names.pop()).requires or ():
            name = Requirement(line).name
            key = canonicalize_name(name)
            try:
                version = distribution(name).version
            except PackageNotFoundError:  # of an extra that is not installed, or for another system
                continue
            if key not in found:
                found[key] = Requirement(f"{name}=={version}")
                names.append(name)
    return sorted(found.values(), key=lambda pin: pin.name.lower())


def _bom(project: Path) -> Any:
    from cyclonedx.model.bom import Bom, BomMetaData
    from cyclonedx.model.component import Component, ComponentType

    components = [_component(pin) for pin in read_pins(project)]
    setup = configparser.ConfigParser()
    if setup.read(project / "setup.cfg"):
        name, version = (setup.get("metadata", key, fallback="unknown") for key in ("name", "version"))
    else:
        name, version = DISTRIBUTION, distribution(DISTRIBUTION).version
    root = Component(name=name, version=version, type=ComponentType.APPLICATION, bom_ref="root")
    bom = Bom(metadata=BomMetaData(component=root), components=components)
    bom.register_dependency(root, components)
    # They would differ between calls. The library leaves out what is None, though its hints do not allow it.
    bom.serial_number = bom.metadata.timestamp = None  # type: ignore[assignment]
    return bom


def _component(pin: Requirement) -> Any:
    from cyclonedx.model import Property
    from cyclonedx.model.component import Component
    from packageurl import PackageURL

    version = next(iter(pin.specifier)).version
    address = PackageURL("pypi", name=pin.name.lower().replace("_", "-"), version=version)
    where = [Property(name="clinical-ssl-bundles:environment_marker", value=str(pin.marker))] if pin.marker else []
    return Component(name=pin.name, version=version, purl=address, bom_ref=str(address), properties=where)
