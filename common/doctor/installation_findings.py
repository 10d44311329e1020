"""An installation: versions against what is required, devices, memory, compiler, PyRadiomics."""

from __future__ import annotations

import configparser
import importlib.util
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, metadata, requires, version
from pathlib import Path

from .. import bundle_root
from ..errors import one_line
from ..programs import DISTRIBUTION, install_command
from .findings import Findings

__all__ = ["examine_installation"]

ROOT = Path(__file__).resolve().parents[2]
LEAST_MEMORY, LEAST_DISK = 8.0, 5.0  # GB
#: What the extras are for, by their name in setup.cfg.
EXTRAS = {
    "radiomics": "traditional radiomics",
    "dicom": "DICOM segmentations as masks",
    "parquet": "tables as Parquet",
    "deploy": "packaging, and so the final model of a study",
    "imagenet": "ImageNet weights without a download",
    "mlflow": "--tracking mlflow",
}


def examine_installation() -> Findings:
    """Examine this Python environment and machine."""
    findings = Findings("installation")
    _python(findings)
    _packages(findings)
    _bundles(findings)
    _radiomics(findings)
    findings.note("compiler", _compiler() or "none; it is needed to install PyRadiomics only: apt install gcc")
    _machine(findings)
    _devices(findings)
    return findings


def _python(findings: Findings) -> None:
    found = ".".join(map(str, sys.version_info[:3]))
    if sys.version_info[:2] != (3, 11):
        findings.warning(
            "Python", f"found {found}; the tests ran with 3.11 only", f"with Python 3.11: {install_command()}"
        )
    else:
        findings.note("Python", f"{found}, {sys.executable}")


def _packages(findings: Findings) -> None:
    """Required packages, and those of the extras, against their lower bounds."""
    required, extras = _requirements()
    wrong = [text for requirement in required if (text := _wrong(requirement))]
    for text in wrong:
        findings.error("packages", text, install_command())
    if not wrong:
        findings.note("packages", f"all {len(required)} required ones are there, in versions that are supported")
    for name, purpose in EXTRAS.items():
        missing = [text for requirement in extras.get(name, ()) if (text := _wrong(requirement))]
        state = "is there" if not missing else f"is incomplete ({'; '.join(missing)}); {install_command(name)}"
        findings.note(f"extra {name}", f"for {purpose}: {state}")


def _requirements() -> tuple[list[str], dict[str, list[str]]]:
    """Requirements, and those of each extra: of the checkout, or else of the installed package."""
    parser = configparser.ConfigParser()
    parser.read(ROOT / "setup.cfg", encoding="utf-8")
    if not parser.has_section("options"):
        return _installed_requirements()

    def lines(section: str, option: str) -> list[str]:
        """Requirements of an option of ``setup.cfg``."""
        return [line for line in parser.get(section, option, fallback="").splitlines() if line and line[0] not in "#;"]

    section = "options.extras_require"
    return lines("options", "install_requires"), {name: lines(section, name) for name in parser.options(section)}


def _installed_requirements() -> tuple[list[str], dict[str, list[str]]]:
    from packaging.requirements import Requirement

    found = [Requirement(line) for line in requires(DISTRIBUTION) or ()]

    def lines(extra: str) -> list[str]:
        """Requirements of an extra."""
        chosen = [each for each in found if each.marker is None or each.marker.evaluate({"extra": extra})]
        return [f"{each.name}{each.specifier}" for each in chosen]

    required = lines("")
    extras = metadata(DISTRIBUTION).get_all("Provides-Extra") or []
    return required, {extra: [line for line in lines(extra) if line not in required] for extra in extras}


def _wrong(text: str) -> str:
    """What is wrong with the installed version of a requirement; empty if nothing is, or it is not for this Python."""
    from packaging.requirements import Requirement

    requirement = Requirement(text)
    if requirement.marker and not requirement.marker.evaluate():
        return ""
    try:
        found = version(requirement.name)
    except PackageNotFoundError:
        return f"{requirement.name} is missing, expected {requirement.specifier}"
    return (
        ""
        if requirement.specifier.contains(found, prereleases=True)
        else f"{requirement.name} {found}, expected {requirement.specifier}"
    )


def _bundles(findings: Findings) -> None:
    """Versions against the metadata of each bundle, which says with which it was tested."""
    for path in sorted(Path(bundle_root(".")).glob("*/configs/metadata.json")):
        content = json.loads(path.read_text(encoding="utf-8"))
        expected = {"monai": content.get("monai_version"), "torch": content.get("pytorch_version")}
        expected |= content.get("required_packages_version") or {}
        older = [
            f"{name} {found}, tested with {wanted}"
            for name, wanted in expected.items()
            if wanted and (found := _installed(name)) and _parts(found) < _parts(wanted)
        ]
        if older:
            findings.warning(path.parents[1].name, f"metadata.json: {'; '.join(older)}", install_command())
        else:
            findings.note(path.parents[1].name, "versions are those of its metadata.json or later")


def _installed(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None


def _parts(text: str) -> tuple[int, ...]:
    """A version without its local part, for comparison."""
    from packaging.version import InvalidVersion, Version

    try:
        return Version(text).release
    except InvalidVersion:
        return ()


def _radiomics(findings: Findings) -> None:
    """Whether PyRadiomics can be imported, is compiled, and is not hidden by a folder of the same name."""
    spec = importlib.util.find_spec("radiomics")
    if spec is None or spec.origin is None:
        where = list(getattr(spec, "submodule_search_locations", None) or [])
        if where:
            findings.error(
                "PyRadiomics", f"'import radiomics' finds the folder {where[0]}", "rename it, or start elsewhere"
            )
            return
        compiler = "a C compiler is there" if _compiler() else "there is no C compiler either: apt install gcc"
        findings.warning(
            "PyRadiomics",
            f"not installed: traditional features are left out ({compiler})",
            install_command("radiomics"),
        )
        return
    done = subprocess.run(
        [sys.executable, "-c", "import radiomics; from radiomics import cMatrices; print(radiomics.__version__)"],
        capture_output=True,
        text=True,
    )
    if done.returncode:
        reason = one_line(RuntimeError(done.stderr.strip().splitlines()[-1] if done.stderr.strip() else "no message"))
        findings.error("PyRadiomics", f"{spec.origin}: cannot be imported ({reason})", install_command("radiomics"))
    else:
        findings.note("PyRadiomics", f"version {done.stdout.strip().splitlines()[-1]}, compiled")


def _compiler() -> str | None:
    return next((path for name in ("cc", "gcc", "clang") if (path := shutil.which(name))), None)


def _machine(findings: Findings) -> None:
    memory = min(_memory(), default=0.0)
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    disk = shutil.disk_usage(".").free / 1e9
    text = f"{cores} cores, {memory:.0f} GB of memory, {disk:.0f} GB free in this folder"
    if memory and memory < LEAST_MEMORY:
        findings.warning(
            "memory", text, "train with --cache_rate 0, a smaller --batch_size, or --storage_dtype '$torch.float16'"
        )
    elif disk < LEAST_DISK:
        findings.warning("disk", text, "free space, or name an output_dir on another disk")
    else:
        findings.note("machine", text)
    shared = Path("/dev/shm")
    if shared.is_dir() and shutil.disk_usage(shared).total < 1e9:
        size = shutil.disk_usage(shared).total / 1e6
        findings.warning(
            "/dev/shm",
            f"{size:.0f} MB of shared memory, little for loading processes",
            "keep --num_workers 0, or start the container with --shm-size=2g",
        )
    if not os.access(tempfile.gettempdir(), os.W_OK):
        findings.error("temporary folder", f"{tempfile.gettempdir()} cannot be written", "set TMPDIR to another folder")


def _memory() -> Iterator[float]:
    """Memory of the machine and the limit of the container, in GB."""
    if hasattr(os, "sysconf") and "SC_PHYS_PAGES" in os.sysconf_names:
        yield os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") / 1e9
    limit = Path("/sys/fs/cgroup/memory.max")
    if limit.is_file() and (text := limit.read_text().strip()).isdigit():
        yield int(text) / 1e9


def _devices(findings: Findings) -> None:
    try:
        import torch
    except ImportError as error:  # reported with the packages
        findings.error("torch", f"cannot be imported ({one_line(error)})", install_command())
        return
    if torch.cuda.is_available():
        for index in range(torch.cuda.device_count()):
            properties = torch.cuda.get_device_properties(index)
            findings.note(f"cuda:{index}", f"{properties.name}, {properties.total_memory / 1e9:.0f} GB")
    elif shutil.which("nvidia-smi"):
        findings.warning(
            "GPU",
            f"nvidia-smi is there, but torch {torch.__version__} finds no CUDA device",
            "run nvidia-smi; with a CPU build of torch: pip install --force-reinstall torch --index-url "
            "https://download.pytorch.org/whl/cu128",
        )
    else:
        findings.note("GPU", "none: training runs on the CPU; --amp true is faster with AVX512-BF16")
