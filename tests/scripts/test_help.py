"""Every script shows its help immediately, and refuses a wrong command line before any work."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPTS = sorted(path for path in (Path(__file__).parents[2] / "scripts").glob("[!_]*.py"))
COMMANDS = [[path.name] for path in SCRIPTS]
COMMANDS += [["make_datalist.py", name] for name in ("bids", "dicom", "table", "npz")]
COMMANDS += [["make_phantom.py", name] for name in ("brain", "thyroid", "kidney", "dementia")]
HEAVY = re.compile(r"\| +(torch|monai|sklearn|matplotlib|pandas|nibabel|scipy|pydicom|SimpleITK)$", re.MULTILINE)


def run(tmp_path: Path, *words: str, options: tuple[str, ...] = ()) -> subprocess.CompletedProcess[str]:
    name, *rest = words
    command = [sys.executable, *options, SCRIPTS[0].with_name(name), *rest]
    return subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)


@pytest.mark.parametrize("words", COMMANDS, ids=" ".join)
def test_help_is_readable_and_imports_nothing_heavy(words, tmp_path):
    done = run(tmp_path, *words, "--help", options=("-X", "importtime"))
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith(f"Usage: {words[0]}")
    assert not re.search(r"Optional|Mapping\[|\*\*|``|:class:|<factory>|…", done.stdout)
    assert not HEAVY.findall(done.stderr)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("words", "line"),
    [
        ("make_datalist.py brats in out.json --num_fold 3", r"Unknown option: --num_fold\. Did you mean --num_folds\?"),
        (
            "make_datalist.py brats in",
            r"found no OUTPUT \(--output\), expected brats ROOT OUTPUT; --help describes them",
        ),
        ("make_datalist.py brats in out.json 5", "found '5', expected no further argument; --help lists the options"),
        ("make_datalist.py brats in out.json --seed one", "Invalid value for --seed: 'one', expected an integer"),
        ("make_datalist.py brat in out.json", "found brat, expected one of adni, bids, .*; --help describes them"),
        ("make_phantom.py", "found no command, expected one of brain, .*; --help describes them"),
        (
            "make_phantom.py brain out --shape 64",
            "Invalid value for --shape: .*, expected 3 values separated by commas",
        ),
        (
            "doctor.py a.json --bundl b",
            "found --bundl, expected one of --output_dir, --json, --strict; --help describes them",
        ),
        ("study.py finsh out", r"found finsh, expected a bundle or one of compare, .*; did you mean finish\?"),
        ("study.py plan out", "found plan, expected a bundle or one of .*study.py BUNDLE .* --until plan makes one"),
        ("verify.py --scan", r"found no ARCHIVE \(--archive\), expected ARCHIVE; --help describes them"),
    ],
)
def test_a_wrong_command_line_is_one_line_and_exit_code_2_before_anything_is_written(words, line, tmp_path):
    done = run(tmp_path, *words.split())
    assert done.returncode == 2 and done.stdout == ""
    assert re.fullmatch(f"error: {line}\n", done.stderr), done.stderr
    assert not list(tmp_path.iterdir())
