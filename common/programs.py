"""Commands of this project as a user types them, in a checkout and where it is installed without one."""

from __future__ import annotations

from pathlib import Path

__all__ = ["command_of", "install_command"]

SCRIPTS = Path(__file__).resolve().parent.parent / "scripts"
DISTRIBUTION = "clinical-ssl-bundles"


def command_of(name: str) -> str:
    """The beginning of a command line.

    Args:
        name: name of a script without its suffix, such as ``study``.

    Returns:
        ``python scripts/study.py`` in a checkout, otherwise ``clinical-ssl study``.
    """
    return f"python scripts/{name}.py" if (SCRIPTS / f"{name}.py").is_file() else f"clinical-ssl {name}"


def install_command(extra: str = "") -> str:
    """The command that installs missing packages.

    Args:
        extra: extra of ``setup.cfg``, such as ``deploy``; by default the packages that are always required.

    Returns:
        ``bash scripts/install.sh deploy`` in a checkout, otherwise a command of pip, which completes what is installed.
    """
    if (SCRIPTS / "install.sh").is_file():
        return f"bash scripts/install.sh {extra}".strip()
    if extra == "radiomics":  # PyRadiomics 3.0.1 reads NumPy while it is built
        return f"pip install numpy wheel setuptools && pip install --no-build-isolation '{DISTRIBUTION}[{extra}]'"
    return f"pip install '{DISTRIBUTION}[{extra}]'" if extra else f"pip install {DISTRIBUTION}"
