"""The packages of the wheelhouse can be installed without an index, and no others."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from tests.scripts.test_shell import Project

SCRIPT = "scripts/wheelhouse.sh"
TOOLS = ("basename", "cat", "du", "mv", "rm", "sha256sum", "wc")


def write_wheel(folder: Path, name: str, version: str, needs: str | None = None) -> None:
    """A package of one module that knows its version."""
    info = f"{name}-{version}.dist-info"
    metadata = f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n"
    with zipfile.ZipFile(folder / f"{name}-{version}-py3-none-any.whl", "w") as wheel:
        wheel.writestr(f"{name}.py", f"version = {version!r}\n")
        wheel.writestr(f"{info}/METADATA", metadata + (f"Requires-Dist: {needs}\n" if needs else ""))
        wheel.writestr(
            f"{info}/WHEEL", "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
        )
        wheel.writestr(f"{info}/RECORD", "")


@pytest.fixture
def copy(tmp_path, project) -> Project:
    """The project with an environment that only records calls, but lets pip collect wheels."""
    copy = Project(tmp_path, project).with_environment()
    shutil.copy(project / SCRIPT, copy.root / SCRIPT)
    for tool in TOOLS:
        (copy.tools / tool).unlink(missing_ok=True)
        (copy.tools / tool).symlink_to(shutil.which(tool))
    real = f'case "$*" in *"pip wheel"*) echo "$PWD: $*" >>"{copy.log}"; exec "{sys.executable}" "$@" ;; esac\n'
    first, _, rest = copy.recorder.read_text().partition("\n")
    copy.recorder.write_text(f"{first}\n{real}{rest}")
    return copy


@pytest.fixture
def index(tmp_path) -> Path:
    """A folder of wheels, the only source of pip: an old and a new one, and their dependencies."""
    folder = tmp_path / "index"
    folder.mkdir()
    for version in ("1.0", "2.0"):
        write_wheel(folder, "reader", version, needs="voxels")
    write_wheel(folder, "voxels", "3.0")
    return folder


@pytest.fixture
def wheelhouse(copy, index, tmp_path) -> Path:
    """The wheelhouse that the script makes of it, with the old version pinned."""
    (copy.root / "constraints.txt").write_text("reader==1.0\nvoxels==3.0\n")
    env = {"PIP_NO_INDEX": "1", "PIP_FIND_LINKS": str(index), "PIP_CONFIG_FILE": os.devnull}
    result = copy.run(SCRIPT, str(tmp_path / "wheelhouse"), "reader", **env)
    assert result.returncode == 0, result.stderr
    shutil.rmtree(index)
    return tmp_path / "wheelhouse"


def install(wheelhouse: Path, environment: Path) -> subprocess.CompletedProcess[str]:
    """Installation by a user without an index."""
    env = {key: value for key, value in os.environ.items() if not key.startswith("PIP_")}
    env |= {"PYTHON": sys.executable, "PIP_CONFIG_FILE": os.devnull, "PIP_INDEX_URL": "http://127.0.0.1:9"}
    command = ["bash", wheelhouse / "install.sh", environment]
    return subprocess.run(command, env=env, capture_output=True, text=True)


@pytest.mark.slow
def test_the_pinned_packages_and_what_they_need_install_without_an_index_unless_one_was_changed(wheelhouse, tmp_path):
    names = sorted(path.name for path in (wheelhouse / "wheels").iterdir())
    assert names == ["reader-1.0-py3-none-any.whl", "voxels-3.0-py3-none-any.whl"]
    environment = tmp_path / "environment"

    good = (wheelhouse / "wheels" / names[1]).read_bytes()
    write_wheel(wheelhouse / "wheels", "voxels", "3.0", needs="reader")  # another content under the same name
    result = install(wheelhouse, environment)
    assert result.returncode != 0 and "DO NOT MATCH THE HASHES" in result.stderr

    (wheelhouse / "wheels" / names[1]).write_bytes(good)
    result = install(wheelhouse, environment)
    assert result.returncode == 0, result.stderr
    words = "import reader, voxels; print(reader.version, voxels.version)"
    found = subprocess.run([environment / "bin/python", "-c", words], capture_output=True, text=True)
    assert found.stdout == "1.0 3.0\n"


def test_without_names_it_collects_what_inference_needs_by_the_pins(copy, tmp_path):
    env = {"PIP_NO_INDEX": "1", "PIP_CONFIG_FILE": os.devnull, "TORCH_INDEX": "https://example.org/cpu"}
    result = copy.run(SCRIPT, str(tmp_path / "wheelhouse"), **env)
    assert result.returncode == 1 and result.stderr.endswith("pip could not collect them; see its output above\n")
    assert not (tmp_path / "wheelhouse").exists()
    (call,) = copy.calls("pip wheel")
    assert f"-c {copy.root}/constraints.txt" in call and "--extra-index-url https://example.org/cpu" in call
    assert {"monai", "torch", "nibabel", "onnxruntime"} < set(call.split())


def test_for_predict_it_holds_the_project_with_its_commands_and_no_name_is_typed(copy, index, tmp_path, project):
    (copy.root / "setup.cfg").write_text("[metadata]\nname = project\n")
    for name in ("deploy", "docs"):
        (copy.root / name).mkdir(exist_ok=True)
    shutil.copy(project / "docs/hospital.md", copy.root / "docs")
    shutil.copy(project / "deploy/service.yaml", copy.root / "deploy")
    for name in ("predict.py", "segment.py", "verify.py", "serve.py"):
        shutil.copy(project / "scripts" / name, copy.root / "scripts")
    (copy.tools / "cp").symlink_to(shutil.which("cp"))
    made = f'echo "$PWD: $*" >>"{copy.log}"; : >"{tmp_path}/house.unfinished/wheels/p-1-py3.whl"; exit'
    wheel = f'case "$*" in *"pip wheel"*) {made} ;; esac\n'
    first, _, rest = copy.recorder.read_text().partition("\n")
    copy.recorder.write_text(f"{first}\n{wheel}{rest}")
    result = copy.run(SCRIPT, str(tmp_path / "house"), "--for", "predict")
    assert result.returncode == 0, result.stderr
    (call,) = copy.calls("pip wheel")
    assert call.endswith(f" {copy.root}[predict,service]")
    names = {
        "README.txt",
        "deploy",
        "hospital.md",
        "install.sh",
        "predict.py",
        "requirements.txt",
        "segment.py",
        "serve.py",
        "verify.py",
    }
    assert {path.name for path in (tmp_path / "house").iterdir()} == names | {"wheels"}
    readme = (tmp_path / "house/README.txt").read_text()
    assert "environment/bin/python predict.py ARCHIVE.zip STUDIES --output RESULTS" in readme


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ((), "found no argument, expected the folder to make"),
        (("index",), "exists already"),
        (("new", "--for", "all"), "found --for all, expected inference or predict"),
        (("new", "--for", "predict", "reader"), "found packages after --for predict, expected none"),
    ],
)
def test_a_wrong_argument_is_refused_in_one_line(arguments, expected, copy, index):
    words = [str(index) if word == "index" else word for word in arguments]
    result = copy.run(SCRIPT, *words)
    assert result.returncode == 1 and expected in result.stderr and result.stderr.count("\n") == 1
    assert not copy.calls("pip")
