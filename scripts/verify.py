"""Verify an archive offline: hashes of its files, signature of its maker, absence of code, checks of the model zoo."""

from __future__ import annotations

import shutil
import sys
from itertools import chain
from pathlib import Path

from common import InputError
from common.command_line import run_commands


def verify(
    archive: str,
    key: str | None = None,
    require: str | None = None,
    scan: bool = False,
    zoo: str | None = None,
    python: str | None = None,
) -> None:
    """Compare an archive with its manifest, and run the requested checks; the exit code is 1 if one fails.

    Args:
        archive: zip file from scripts/package.py, or its unpacked folder.
        key: public Ed25519 key (PEM) of the maker; an archive without its signature is then refused.
        require: name of the bundle and condition on its version that the archive must fulfil, such as
            "siam3d_imbalance>=0.2.0".
        scan: whether to check that the archive contains no code: no Python, no pickles or expressions beyond an
            allow-list.
        zoo: checkout of the MONAI model zoo, whose scripts are run unmodified after short runs of all workflows, or
            offline, for checks without a checkout. They take minutes and run the code of the archive.
        python: with zoo, the interpreter that runs the archive, such as that of an environment with the packages that
            it declares (scripts/consumer_environment.sh); default: the one of this command.
    """
    from common.deploy.consumers.zoo_checks import CHECKS, check_zoo
    from common.deploy.consumers.zoo_scripts import REPEATED, check_with_zoo
    from common.deploy.verification.archive import open_archive
    from common.deploy.verification.manifest import SIGNATURE, read_manifest
    from common.deploy.verification.release import check_release
    from common.deploy.verification.scan import scan_folder
    from common.deploy.verification.scan.configs import read_json

    with open_archive(archive, key) as folder:
        if require is not None:
            check_release(folder, require)
        if key is not None:
            print(f"signature: made by {key}")
        elif (folder / SIGNATURE).is_file():
            print("signature: present, not checked; set --key to check it")
        print(f"manifest: {len(read_manifest(folder))} files, all as listed")
        if (metadata := folder / "configs/metadata.json").is_file():
            found = read_json(metadata.read_bytes())[0]
            name, version = (found.get(key) for key in ("name", "version")) if isinstance(found, dict) else (None, None)
            print(f"release: {name!r}, version {version!r}")
        if scan:
            if problems := scan_folder(folder):
                raise InputError.of_rows(f"{archive}: refused, as it may run code", problems)
            print("scan: no code")
        if zoo is not None:
            own = CHECKS if zoo == "offline" else [name for name in CHECKS if name not in REPEATED]
            interpreter = _interpreter(python)
            scripts = () if zoo == "offline" else check_with_zoo(folder, zoo, interpreter)
            failed = []
            for name, problem in chain(check_zoo(folder, own, interpreter), scripts):
                print(f"zoo: {name}: {problem or 'passed'}", flush=True)
                failed += [name] if problem else []
            if failed:
                raise InputError(f"{archive}: failed the zoo checks {', '.join(failed)}; see above")


def _interpreter(python: str | None) -> str:
    found = sys.executable if python is None else shutil.which(python)
    if found is None:
        raise InputError(f"python: found no program {python}; expected the interpreter of an environment; correct it")
    return str(Path(found).absolute())


if __name__ == "__main__":
    run_commands(verify)
