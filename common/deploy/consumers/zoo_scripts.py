"""The model zoo's own scripts, unmodified, run from a checkout of the zoo on an archive before it is submitted.

``git clone https://github.com/Project-MONAI/model-zoo`` makes the checkout; nothing is written to it.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import yaml

from ...errors import InputError
from ...temporary import temporary_folder
from ..packaging.sbom import PROJECT
from ..verification.archive import open_archive
from ..verification.manifest import LARGE_FILES, files_of
from .zoo_checks import SCHEMA

__all__ = ["REPEATED", "check_with_zoo"]

#: Checks of this package that the zoo's ``verify_bundle.py`` makes too.
REPEATED = ("metadata_schema", "network", "export")
SECONDS = 1800  # a script that takes longer is stuck
_STYLE = ("isort", "black", "flake8")  # options of the zoo's runtests.sh
_NEEDED = ("ci/verify_bundle.py", "ci/get_bundle_requirements.py", "ci/utils.py", "models/model_info.json")
_SETTINGS = ("runtests.sh", "pyproject.toml", "setup.cfg")
_HOOKS = "pre_commit_hooks"  # package of the hooks that the zoo configures
_WITHOUT_FILES = ("check-added-large-files", "forbid-new-submodules", "check-case-conflict")  # ask git
# Keeps this repository, which may be installed in place, out of the scripts' Python.
_BLOCK = """
import sys
class NotHere:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] == "common":
            raise ModuleNotFoundError(f"{name}: of the repository, which the zoo does not have", name=name)
sys.meta_path.insert(0, NotHere())
"""
# The zoo's release, without its upload: large_files.yml is removed, and the folder zipped.
_RELEASE = """
import os, sys
sys.path.insert(0, "ci")
from utils import compress_bundle, download_large_files
name, archive = sys.argv[1:]
if os.path.exists(f"models/{name}/large_files.yml"):
    download_large_files(bundle_path=f"models/{name}", large_file_name="large_files.yml")
    os.remove(f"models/{name}/large_files.yml")
compress_bundle(root_path="models", bundle_name=name, bundle_zip_name=archive)
"""


def check_with_zoo(
    folder: str | Path, checkout: str | Path, python: str | Path = sys.executable
) -> Iterator[tuple[str, str | None]]:
    """Run the zoo's scripts on a copy of an archive, in a copy of the part of the checkout that they need.

    The requirements are read, ``verify_bundle.py`` runs in its full mode, on the CPU; then the checks of the code's
    style, the hooks for commits, and the release, after which the archive must still be as its manifest lists it.

    Args:
        folder: the unpacked archive.
        checkout: folder of a checkout of the model zoo.
        python: interpreter of the scripts that run the archive, with the packages that it declares.

    Yields:
        The name of each finished script, and its problem or ``None``.

    Raises:
        InputError: the folder is no checkout of the zoo.
    """
    folder, checkout = Path(folder).resolve(), Path(checkout).resolve()
    if missing := [name for name in (*_NEEDED, *_SETTINGS) if not (checkout / name).is_file()]:
        raise InputError(
            f"{checkout}: found no {', '.join(missing)}; expected a checkout of the model zoo; run: git clone "
            "https://github.com/Project-MONAI/model-zoo"
        )
    name = folder.name
    with temporary_folder() as work:
        _copy(folder, checkout, work)
        yield "requirements", _run(work, [str(python), "ci/get_bundle_requirements.py", "--b", name])
        schema = work / "models" / name / "eval" / "schema.json"  # downloaded by the zoo's prepare_schema.py
        schema.parent.mkdir()
        shutil.copyfile(SCHEMA, schema)
        yield "verify_bundle", _run(work, [str(python), "ci/verify_bundle.py", "--b", name, "--mode", "full"])
        shutil.rmtree(work / "models")
        shutil.copytree(folder, work / "models" / name)
        yield "code_format", _style(work, checkout)
        yield "hooks", _hooks(work, checkout, name)
        yield "release", _release(work, folder)


def _copy(folder: Path, checkout: Path, work: Path) -> None:
    shutil.copytree(checkout / "ci", work / "ci")
    shutil.copytree(folder, work / "models" / folder.name)
    shutil.copyfile(checkout / "models/model_info.json", work / "models/model_info.json")
    (work / "site").mkdir()
    (work / "site/sitecustomize.py").write_text(_BLOCK)


def _style(work: Path, checkout: Path) -> str | None:
    """The zoo's ``runtests.sh`` on the archive alone; it stops at the first of its tools that fails."""
    if missing := [tool for tool in _STYLE if not find_spec(tool)]:  # the script would install them
        return f"not installed; run: pip install {' '.join(missing)}"
    place = work / "style"
    place.mkdir()
    for name in _SETTINGS:
        shutil.copyfile(checkout / name, place / name)
    shutil.copytree(work / "models", place / "models")
    return _run(place, ["bash", "runtests.sh", *(f"--{tool}" for tool in _STYLE)], site=work / "site")


def _hooks(work: Path, checkout: Path, name: str) -> str | None:
    """Hooks of the zoo's ``.pre-commit-config.yaml`` on the files that a submission adds: large ones are not."""
    if find_spec(_HOOKS) is None:
        return "not installed; run: pip install pre-commit-hooks"
    place = work / "hooks"
    shutil.copytree(work / "models" / name, place / name)
    listing = place / name / LARGE_FILES
    for entry in yaml.safe_load(listing.read_text())["large_files"] if listing.is_file() else []:
        (place / name / entry["path"]).unlink()
    files = [f"{name}/{file}" for file in files_of(place / name)]
    for words in (["init", "--quiet"], ["add", "--force", "."]):
        subprocess.run(["git", *words], cwd=place, check=True, capture_output=True)
    problems = []
    for hook in _configured(checkout / ".pre-commit-config.yaml"):
        chosen = [file for file in files if _applies(hook, file)]
        module = f"{_HOOKS}.{_MODULES.get(hook['id'], hook['id'].replace('-', '_'))}"
        command = [sys.executable, "-m", module, *hook.get("args", []), *chosen]
        if (chosen or hook["id"] in _WITHOUT_FILES) and (problem := _run(place, command)):
            problems.append(f"{hook['id']}: {problem}")
    return "; ".join(problems) or None


_MODULES = {"end-of-file-fixer": "end_of_file_fixer", "trailing-whitespace": "trailing_whitespace_fixer"}
_KINDS = {"check-yaml": r"\.ya?ml$", "pretty-format-json": r"\.json$", "check-toml": r"\.toml$"}
_KINDS |= {"check-docstring-first": r"\.py$", "check-executables-have-shebangs": r"^$"}
_TEXT = r"\.(py|json|md|txt|ya?ml|conf)$|LICENSE$|__pycache__$"


def _configured(path: Path) -> list[Mapping[str, Any]]:
    content = yaml.safe_load(path.read_text()) if path.is_file() else {"repos": []}
    return [hook for entry in content["repos"] for hook in entry["hooks"]]


def _applies(hook: Mapping[str, Any], file: str) -> bool:
    """Whether a hook is for a file, by the kind of files that its manifest states."""
    if "exclude" in hook and re.search(hook["exclude"], file):
        return False
    everything = hook["id"] in _WITHOUT_FILES
    return everything or bool(re.search(_KINDS.get(hook["id"], _TEXT), file))


def _release(work: Path, folder: Path) -> str | None:
    """Zip the archive as the zoo does, and verify the result as its users do."""
    archive = f"{folder.name}_released.zip"
    problem = _run(work, [sys.executable, "-c", _RELEASE, folder.name, archive])
    if problem:
        return problem
    try:
        with open_archive(work / "models" / archive):
            return None
    except InputError as error:
        return str(error)


def _run(place: Path, command: Sequence[str], site: Path | None = None) -> str | None:
    """Run a script of the zoo; the last lines of its output if it fails."""
    site = site or place / "site"
    environment = {**os.environ, "PYTHONPATH": str(site), "MONAI_MODEL_ZOO_PY_EXE": sys.executable}
    environment["PYTHONWARNINGS"] = "ignore"
    try:
        result = subprocess.run(
            command, cwd=place, env=environment, capture_output=True, text=True, timeout=SECONDS, check=False
        )
    except subprocess.TimeoutExpired:
        return f"not done after {SECONDS} seconds"
    output = " ".join(f"{result.stdout}\n{result.stderr}".split()).replace(str(PROJECT), "")
    return None if result.returncode == 0 else output[-600:] or f"ended with {result.returncode}"
