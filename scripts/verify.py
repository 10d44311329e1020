"""Verify an archive offline: files by their hashes, its maker by a signature, no code in it, the model zoo's checks."""

from __future__ import annotations

import sys

import fire

from common import InputError, brief_input_errors
from common.deploy.consumers.zoo_checks import check_zoo
from common.deploy.verification.archive import open_archive
from common.deploy.verification.manifest import SIGNATURE, read_manifest
from common.deploy.verification.scan import scan_folder
from common.deploy.verification.scan.configs import read_json


def verify(archive: str, key: str | None = None, scan: bool = False, zoo: bool = False) -> None:
    """Compare an archive with its manifest, and do what more is asked for; the exit code is 1 when anything is wrong.

    Args:
        archive: zip of scripts/package.py, or its unpacked folder.
        key: public Ed25519 key (PEM) of whoever must have signed it; an archive without signature is then refused.
        scan: make sure that the archive holds no code: no Python, no pickles or expressions beyond an allow-list.
        zoo: do what the MONAI model zoo's continuous integration does; takes minutes, and runs the archive's code.
    """
    with open_archive(archive, key if key is None else str(key)) as folder:
        if key is not None:
            print(f"signature: made by {key}")
        elif (folder / SIGNATURE).is_file():
            print("signature: there is one; --key checks it")
        print(f"manifest: {len(read_manifest(folder))} files, all as listed")
        if (metadata := folder / "configs/metadata.json").is_file():
            found = read_json(metadata.read_bytes())[0]
            name, version = (found.get(key) for key in ("name", "version")) if isinstance(found, dict) else (None, None)
            print(f"release: {name!r}, version {version!r}")
        if scan:
            if problems := scan_folder(folder):
                raise InputError.of_rows(f"{archive}: refused, as it may run code", problems)
            print("scan: no code")
        if zoo:
            failed = []
            for name, problem in check_zoo(folder):
                print(f"zoo: {name}: {problem or 'passed'}", flush=True)
                failed += [name] if problem else []
            if failed:
                raise InputError(f"{archive}: failed {', '.join(failed)} of the zoo's checks; see above")


def main(words: list[str]) -> None:
    """Run the command line ``words``."""
    fire.Fire(verify, words)


if __name__ == "__main__":
    brief_input_errors()
    main(sys.argv[1:])
