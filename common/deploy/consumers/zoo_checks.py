"""Checks of the model zoo's continuous integration, run on an archive before it is submitted."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import yaml

from ...errors import TRACEBACK_VARIABLE
from ...files import file_digest
from ...temporary import temporary_folder
from ..packaging.large_files import LARGE_FILES, ZOO_LIMIT
from ..packaging.versions import read_versions
from ..verification.manifest import files_of

__all__ = ["CHECKS", "check_zoo", "static_problems"]

SCHEMA = Path(__file__).with_name("metadata_schema.json")
SESSION = Path(__file__).with_name("zoo_session.py")
PROCESSES = 2
REQUIRED = ("LICENSE", "docs/README.md", "docs/data_license.txt", "models/model.pt", "configs/logging.conf")
CONFIGS = ("metadata", "train", "evaluate", "inference", "inference_trt", "multi_gpu_train")
# ids beyond those of MONAI's check_properties (the zoo's CONTRIBUTING.md, "Preferred Files and Keys")
IDS = {
    "inference": ("bundle_root", "device", "network_def", "inferer", "output_dir"),
    "train": ("train#dataset#data", "validate#dataset#data", "val_interval", "output_dir"),
}
ABSOLUTE = re.compile(r"/\w[\w.-]*/").match
DISTRIBUTED = "processes"
CHECKS = ("metadata_schema", "network", "export", "train", "evaluate", "inference", DISTRIBUTED)
ELSEWHERE = "elsewhere"  # an empty working directory


def check_zoo(
    folder: str | Path, checks: Sequence[str] = CHECKS, python: str | Path = sys.executable
) -> Iterator[tuple[str, str | None]]:
    """Run the checks of the zoo's ``verify_bundle.py`` and unit tests, in new processes without this repository.

    Trains, evaluates and infers on generated noise, for an epoch on the CPU, with the archive's network. The zoo's
    tests on GPUs are the same with CUDA.

    Args:
        folder: the unpacked archive.
        checks: names of the checks to run.
        python: interpreter of the new processes, with the packages that the archive declares.

    Yields:
        The name of each finished check, and its problem or ``None``.
    """
    folder = Path(folder).resolve()
    problems = static_problems(folder)
    yield "structure", "; ".join(problems) or None
    if problems:
        return
    with temporary_folder() as work:
        (work / ELSEWHERE).mkdir()
        yield from _session(folder, work, [name for name in checks if name != DISTRIBUTED], python)
        if DISTRIBUTED in checks:
            yield DISTRIBUTED, _in_several_processes(folder, work, python)


def static_problems(folder: str | Path) -> list[str]:
    """Problems of names, sizes, ids and versions, each in one line."""
    folder = Path(folder)
    names = [*REQUIRED, *(f"configs/{name}.json" for name in CONFIGS)]
    problems = [f"{name}: no such file" for name in names if not (folder / name).is_file()]
    problems += _size_problems(folder) + _format_problems(folder)
    if not re.fullmatch(r"[a-z][a-z0-9_]*", folder.name):
        problems.append(f"{folder.name}: a bundle's name is of small letters, digits and _")
    try:
        configs = {name: json.loads((folder / f"configs/{name}.json").read_bytes()) for name in CONFIGS}
    except OSError:
        return problems  # reported above
    except ValueError as error:
        return [*problems, f"configs: no readable JSON ({error})"]
    for config, ids in IDS.items():
        problems += [f"configs/{config}.json: no id {name}" for name in ids if not _has(configs[config], name)]
    for name, config in configs.items():
        problems += [
            f"configs/{name}.json: {text}: a folder of one machine" for text in _texts(config) if ABSOLUTE(text)
        ]
    return problems + _version_problems(configs["metadata"])


def _session(folder: Path, work: Path, names: Sequence[str], python: str | Path) -> Iterator[tuple[str, str | None]]:
    """Run checks of :mod:`zoo_session`, which prints the name of each finished one."""
    command = [str(python), *map(str, (SESSION, folder, work, SCHEMA)), *names]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, **_alone(work)) as session:
        for line in session.stdout or ():
            yield line.strip(), _problem(work, line.strip())
    if session.returncode:
        yield "session", f"ended with {session.returncode}"


def _in_several_processes(folder: Path, work: Path, python: str | Path) -> str | None:
    command = [str(python), "-m", "torch.distributed.run", "--standalone", f"--nproc_per_node={PROCESSES}"]
    command += [*map(str, (SESSION, folder, work, SCHEMA)), DISTRIBUTED]
    result = subprocess.run(command, capture_output=True, text=True, **_alone(work))
    problem = _problem(work, DISTRIBUTED)
    return problem or (" ".join(result.stderr.split())[-300:] if result.returncode else None)


def _alone(work: Path) -> dict[str, Any]:
    """Options that start Python in an empty folder, with neither that folder nor the script's on ``sys.path``."""
    environment = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
    return {"cwd": work / ELSEWHERE, "env": environment | {"PYTHONSAFEPATH": "1"}}


def _problem(work: Path, name: str) -> str | None:
    error = work / f"{name}.error"
    if not error.is_file():
        return None
    if os.environ.get(TRACEBACK_VARIABLE):
        print((work / f"{name}.log").read_text(), file=sys.stderr)
    return error.read_text()


def _size_problems(folder: Path) -> list[str]:
    """Large files must be listed with their hash, as the zoo downloads them."""
    path = folder / LARGE_FILES
    entries = yaml.safe_load(path.read_text())["large_files"] if path.is_file() else []
    listed = {entry["path"]: entry for entry in entries}
    problems = []
    for name in files_of(folder):
        if name in listed:
            if file_digest(folder / name, "sha256") != listed[name].get("hash_val"):
                problems.append(f"{name}: differs from the hash in {LARGE_FILES}")
        elif (size := (folder / name).stat().st_size) > ZOO_LIMIT:
            problems.append(f"{name}: {size} bytes, more than {ZOO_LIMIT}, and not in {LARGE_FILES}")
    return problems


def _format_problems(folder: Path) -> list[str]:
    """JSON must be as the zoo's hook pretty-format-json writes it, or the hook would change it after it was hashed."""
    problems = []
    for name in files_of(folder):
        if name.endswith(".json"):
            text = (folder / name).read_text(encoding="utf-8")
            try:
                if text != json.dumps(json.loads(text), indent=4) + "\n":
                    problems.append(f"{name}: not indented by 4 as json.dumps does it")
            except ValueError:
                continue  # reported with the configs
    return problems


def _version_problems(metadata: dict[str, Any]) -> list[str]:
    """The changelog must have the version; package versions must be those known to install together."""
    problems = []
    if metadata.get("version") not in metadata.get("changelog", {}):
        problems.append(f"metadata: the changelog does not list version {metadata.get('version')}")
    pinned = read_versions()
    asked = {"monai": metadata.get("monai_version"), "torch": metadata.get("pytorch_version")}
    asked |= {"numpy": metadata.get("numpy_version"), **metadata.get("required_packages_version", {})}
    for name, version in asked.items():
        if pinned.get(name) != version:
            problems.append(f"metadata: {name} {version}, expected {pinned.get(name)}")
    return problems


def _texts(value: Any) -> Iterator[str]:
    """All texts of a config."""
    if isinstance(value, dict | list):
        for item in value.values() if isinstance(value, dict) else value:
            yield from _texts(item)
    elif isinstance(value, str):
        yield value


def _has(config: Any, name: str) -> bool:
    for part in name.split("#"):
        if not isinstance(config, dict) or part not in config:
            return False
        config = config[part]
    return True
