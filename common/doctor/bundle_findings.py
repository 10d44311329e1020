"""A bundle: whether all its configs resolve, without running or instantiating anything of them."""

from __future__ import annotations

import copy
import json
import warnings
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..bundle_configs import BASES, BundleConfigs
from ..errors import one_line
from .config_problems import find_problems
from .findings import Findings

__all__ = ["examine_bundle"]

_NEEDED = ("name", "version", "monai_version", "pytorch_version", "network_data_format", "task")
_OF_MONAI = frozenset(("imports", "initialize", "run", "finalize"))


@dataclass(frozen=True)
class _Config:
    """Files merged in an order: the values of their ids, and the file that each comes from."""

    order: tuple[str, ...]
    ids: Mapping[str, Any]
    files: Mapping[str, str]

    def place(self, path: str) -> str:
        """File and id of a part."""
        return f"{self.files.get(path.split('#')[0], self.order[-1])}: {path}"


def examine_bundle(bundle: str | Path) -> Findings:
    """Examine the configs of a bundle.

    Each stage is merged with the config that it extends, and each overlay with the stages whose ids it sets. In them,
    every ``_target_`` must be importable and take the given arguments, every reference and macro must name an id, and
    every expression must be Python. Nothing is instantiated, and no data are needed.

    Args:
        bundle: name of the bundle, or its folder.

    Raises:
        InputError: there is no such bundle.
    """
    configs = BundleConfigs(bundle)
    findings = Findings(f"bundle {configs.root.name}")
    _metadata(findings, configs)
    merged = list(_merged(findings, configs))
    problems: dict[tuple[str, str], str] = {}
    for config in merged:
        for path, text, remedy in find_problems(config.ids):
            problems.setdefault((config.place(path), text), remedy)
    for (place, text), remedy in problems.items():
        findings.error(place, text, remedy)
    number = sum(len(config.ids) for config in merged)
    findings.note("configs", f"{len(merged)} stages and overlays with {number} ids examined")
    weights = sorted((configs.root / "models").glob("[!.]*"))
    findings.note("models", ", ".join(path.name for path in weights) or "no weights; training writes them")
    return findings


def _metadata(findings: Findings, configs: BundleConfigs) -> None:
    path = configs.folder / "metadata.json"
    if not path.is_file():
        findings.error("metadata.json", "missing", "copy that of another bundle and correct it")
        return
    try:
        metadata = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        findings.error("metadata.json", f"no JSON ({error})", "correct it")
        return
    if missing := [name for name in _NEEDED if name not in metadata]:
        findings.error("metadata.json", f"no {', '.join(missing)}", "add what the MONAI model zoo's schema needs")
    else:
        findings.note("metadata.json", f"{metadata['name']}, version {metadata['version']}")


def _merged(findings: Findings, configs: BundleConfigs) -> Iterator[_Config]:
    """Each stage, and each overlay over the first stage that has its ids."""
    from monai.bundle import ConfigParser

    read: dict[str, dict[str, Any]] = {}
    unread: dict[str, str] = {}
    for path in sorted(configs.folder.glob("*")):
        if path.suffix in (".yaml", ".yml", ".json") and path.stem != "metadata":
            try:
                read[path.name] = ConfigParser.load_config_file(str(path))
            except Exception as error:  # YAML's and JSON's parsers raise many types
                findings.error(path.name, f"cannot be read ({one_line(error)})", "correct it")
                unread[path.name] = str(path)
    stages = [name for name, content in read.items() if "run" in content]
    whole = {name: _over(read, [*_base(name, read), name]) for name in stages if not _base(name, unread)}
    yield from whole.values()
    for name, content in read.items():
        if name in stages or not whole:
            continue
        ids = {_top(key) for key in content} - _OF_MONAI
        fitting = [config for config in whole.values() if ids <= set(config.ids)]
        trainings = [config for config in fitting if len(config.order) == 1] or fitting
        if trainings:  # an overlay of one stage may lack what it refers to in another
            merged = (_over(read, [*config.order, name]) for config in trainings)
            yield min(merged, key=lambda config: len(list(find_problems(config.ids))))
            continue
        if unread:
            continue  # they may have these ids
        near = max(whole.values(), key=lambda config: len(ids & set(config.ids)))
        findings.error(
            f"{name}: {', '.join(sorted(ids - set(near.ids)))}",
            f"no stage has this id, {near.order[-1]} neither",
            "correct the id, or delete it",
        )


def _base(name: str, read: Mapping[str, Any]) -> list[str]:
    """The config that a stage extends."""
    base = f"{BASES.get(Path(name).stem)}.yaml"
    return [base] if base in read else []


def _over(read: Mapping[str, Mapping[str, Any]], order: list[str]) -> _Config:
    """Files of the bundle merged in their order, as MONAI does."""
    from monai.bundle import ConfigParser
    from monai.bundle.utils import merge_kv

    parser = ConfigParser(copy.deepcopy(dict(read[order[0]])))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for name in order[1:]:
            for key, value in copy.deepcopy(dict(read[name])).items():
                merge_kv(parser, key, value)
    return _Config(tuple(order), parser.get(), {_top(key): name for name in order for key in read[name]})


def _top(key: str) -> str:
    """The id of a key such as ``+initialize`` or ``optimizer#lr``."""
    return key.lstrip("+").replace("::", "#").split("#")[0]
