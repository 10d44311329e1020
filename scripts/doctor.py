"""Examine an installation, a bundle, a datalist, a checkpoint or an archive, and say what to do."""

from __future__ import annotations

import sys

from common.command_line import run_commands


def doctor(*things: str, output_dir: str | None = None, json: bool = False, strict: bool = False) -> None:
    """Print findings with what to do: errors, warnings, then notes.

    The exit code is 0 without errors, 1 with errors, and 2 for a wrong command line.

    Args:
        things: names or folders of bundles, datalists (.json), weights (.pt, .ts), archives (.zip); default: this
            installation.
        output_dir: folder for pictures of a datalist: mosaic.jpg, 20 subjects with their masks, and histograms.png,
            sizes and intensities by centre.
        json: whether to print JSON.
        strict: whether warnings count as errors.
    """
    from common.doctor.examine import dumps, examine

    found = [examine(thing, output_dir) for thing in things or (None,)]
    print(dumps(found) if json else "\n\n".join("\n".join(each.lines()) for each in found))
    if any(each.count("error") or (strict and each.count("warning")) for each in found):
        sys.exit(1)


if __name__ == "__main__":
    run_commands(doctor)
