"""The page of mistakes: ``python docs/mistakes.py`` makes each of them on a small cohort and writes docs/mistakes.md.

A test makes them too, and compares.
"""

from __future__ import annotations

import contextlib
import io
import json
import os
import runpy
import shlex
import subprocess
import sys
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

PROJECT = Path(__file__).resolve().parent.parent
PAGE = PROJECT / "docs" / "mistakes.md"
sys.path.insert(0, str(PROJECT))

SUBJECTS = 20
HEADER = """\
# The likeliest mistakes

Each with the error that it gives for the whole cohort and the command that corrects it. Nothing has been trained or
written by then. The cohort here has 20 subjects in the folder `data`, and a table `patients.csv` with the columns
`subject`, `flair`, `t1`, `mask` and `label`. `python docs/mistakes.py` makes the mistakes and writes this page; a test
compares it with the code, and runs each remedy. `python scripts/doctor.py data/datalist.json` finds all mistakes in the
data at once.
"""
TRAIN = "python -m monai.bundle run training --config_file bundles/siam3d_imbalance/configs/train.yaml"
THYROID = "python -m monai.bundle run training --config_file bundles/radiomics_deep_contrast/configs/train.yaml"
EVALUATE = (
    "python -m monai.bundle run evaluating --config_file "
    "\"['bundles/siam3d_imbalance/configs/train.yaml','bundles/siam3d_imbalance/configs/evaluate.yaml']\""
)
NARROW = "--depth 18 --widen_factor 0.25"
SMALL = '--box_size "[8,8,8]" --channels "[4,8]"'
TABLE = "python scripts/make_datalist.py table patients.csv data/datalist.json --images flair,t1"
GREY = "[Image.open(name).convert('RGB').convert('L').save(name) for name in sys.argv[1:]]"


@dataclass(frozen=True)
class Mistake:
    """One mistake.

    Attributes:
        title: heading of the section.
        command: command that fails.
        advice: what to do, in words.
        remedy: command that corrects it: the same one with other options, or one that corrects the data.
        change: function that makes the mistake in the folder ``data``.
    """

    title: str
    command: str
    advice: str
    remedy: str
    change: Callable[[Path], None] = lambda folder: None


def change_rows(change: Callable[[dict[str, Any]], object]) -> Callable[[Path], None]:
    """A change of each row of the datalist."""

    def changed(folder: Path) -> None:
        path = folder / "data" / "datalist.json"
        content = json.loads(path.read_text())
        for row in content["training"]:
            change(row)
        path.write_text(json.dumps(content))

    return changed


def in_colour(folder: Path) -> None:
    """Pictures in red, green, blue and opacity instead of the volumes."""
    import numpy as np
    from PIL import Image

    rng = np.random.default_rng(0)

    def paint(row: dict[str, Any]) -> None:
        row.update(image=f"{row['subject']}.png", mask=f"{row['subject']}_mask.png")
        Image.fromarray(rng.integers(0, 255, (24, 24, 4), dtype=np.uint8), "RGBA").save(folder / "data" / row["image"])
        mask = np.zeros((24, 24), np.uint8)
        mask[6:12, 6:12] = 255
        Image.fromarray(mask).save(folder / "data" / row["mask"])

    change_rows(paint)(folder)
    path = folder / "data" / "datalist.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "modality": {"0": "US"}}))


def few(folder: Path) -> None:
    """Fourteen subjects instead of twenty."""
    path = folder / "data" / "datalist.json"
    content = json.loads(path.read_text())
    path.write_text(json.dumps({**content, "training": content["training"][:14]}))


def old_weights(folder: Path) -> None:
    """Weights of a small network with the record of its training."""
    import torch

    from common.training_record import with_training_record

    state = begin(f"{TRAIN} --dataset_dir data {SMALL}", folder, "network").state_dict()

    record = {
        "bundle": "siam3d_imbalance",
        "config": "train",
        "settings": {"box_size": [8, 8, 8], "channels": [4, 8]},
        "options": {},
        "classes": None,
        "modalities": None,
        "fold": 0,
        "subjects": {"training": ["s02"], "validation": []},
        "versions": {},
    }
    (folder / "out").mkdir()
    torch.save(with_training_record(state, record), folder / "out" / "model.pt")


MISTAKES = (
    Mistake(
        "A wrong path", f"{TRAIN} --dataset_dir dta {SMALL}", "Correct the path", f"{TRAIN} --dataset_dir data {SMALL}"
    ),
    Mistake(
        "Files that were moved",
        f"{TRAIN} --dataset_dir data {SMALL}",
        "Correct the paths in the table, and write the datalist again",
        TABLE,
        change_rows(lambda row: row.update(image=[f"old/{name}" for name in row["image"]])),
    ),
    Mistake(
        "`in_channels`",
        f"{TRAIN} --dataset_dir data --in_channels 1 {SMALL}",
        "Leave `--in_channels` out: it follows from the datalist",
        f"{TRAIN} --dataset_dir data {SMALL}",
    ),
    Mistake(
        "A forgotten mask",
        f"{TRAIN} --dataset_dir data {SMALL}",
        "Add a column `mask` to the table, and write the datalist again",
        TABLE,
        change_rows(lambda row: row.pop("mask")),
    ),
    Mistake(
        "Labels as text",
        f"{TRAIN} --dataset_dir data {SMALL}",
        "`make_datalist.py` numbers the classes, here in the order of `--labels`",
        f"{TABLE} --labels low,high",
        change_rows(lambda row: row.update(label=["low", "high"][row["label"]])),
    ),
    Mistake(
        "Pictures in colour (RGBA)",
        f"{THYROID} --dataset_dir data {NARROW}",
        "Convert them to grey. This overwrites the files: work on a copy",
        f'python -c "import sys; from PIL import Image; {GREY}" data/*.png',
        in_colour,
    ),
    Mistake(
        "A class missing in a fold's training",
        f"{TRAIN} --dataset_dir data {SMALL}",
        "Write the datalist again: without a column `fold` in the table, folds are stratified by class",
        TABLE,
        change_rows(lambda row: row.update(fold=1 - row["label"])),
    ),
    Mistake(
        "Too few subjects",
        f"{TRAIN} --dataset_dir data {SMALL}",
        "Add subjects, or leave none aside to choose the best epoch: the last one is kept",
        f"{TRAIN} --dataset_dir data --validation_fraction 0 {SMALL}",
        few,
    ),
    Mistake(
        "`num_classes`",
        f"{TRAIN} --dataset_dir data --num_classes 3 {SMALL}",
        "Leave `--num_classes` out: it follows from the datalist",
        f"{TRAIN} --dataset_dir data {SMALL}",
    ),
    Mistake(
        "An old checkpoint with new settings",
        f'{EVALUATE} --dataset_dir data --checkpoint out/model.pt --box_size "[6,6,6]"',
        "Leave `--box_size` out, as the checkpoint knows it. To change it, train again",
        f"{EVALUATE} --dataset_dir data --checkpoint out/model.pt",
        old_weights,
    ),
    Mistake(
        "A word for a number",
        f"{TRAIN} --dataset_dir data --max_epochs ten {SMALL}",
        "Write the number",
        f"{TRAIN} --dataset_dir data --max_epochs 10 {SMALL}",
    ),
)


def write_cohort(folder: Path) -> None:
    """Twenty subjects with two modalities, a mask, a class and a fold: a table and the datalist."""
    import nibabel as nib
    import numpy as np

    rng, rows = np.random.default_rng(0), []
    table = ["subject,flair,t1,mask,label"]
    data = folder / "data"
    data.mkdir(parents=True)
    mask = np.zeros((10, 10, 10), np.uint8)
    mask[3:7, 3:7, 3:7] = 1
    for i in range(SUBJECTS):
        names = {name: f"s{i:02d}_{name}.nii.gz" for name in ("flair", "t1", "seg")}
        for name, file in names.items():
            voxels = mask if name == "seg" else rng.integers(0, 900, mask.shape).astype(np.int16)
            nib.save(nib.Nifti1Image(voxels, np.eye(4)), data / file)
        row = {"image": [names["flair"], names["t1"]], "mask": names["seg"], "subject": f"s{i:02d}"}
        rows.append({**row, "label": i % 2, "fold": i // 2 % 2})
        table.append(",".join([f"s{i:02d}", *(f"data/{file}" for file in names.values()), ("low", "high")[i % 2]]))
    content = {"labels": {"0": "low", "1": "high"}, "modality": {"0": "flair", "1": "t1"}, "training": rows}
    (data / "datalist.json").write_text(json.dumps(content))
    (folder / "patients.csv").write_text("\n".join(table) + "\n")


def begin(command: str, folder: Path, part: str | None = None) -> Any:
    """What a command of ``monai.bundle`` builds before the first step.

    Args:
        command: command line.
        folder: folder in which it is typed.
        part: id to build; by default that of the config which needs all others.
    """
    from monai.bundle import ConfigWorkflow

    from common.command_values import read_setting

    words = shlex.split(command)[5:]
    options = {word[2:]: value for word, value in zip(words[::2], words[1::2], strict=True)}
    files = options.pop("config_file")
    files = read_setting(files) if files.startswith("[") else [files]
    settings: dict[str, Any] = {"output_dir": str(folder / "out"), "cache_dir": str(folder / "cache"), "device": "cpu"}
    settings |= {name: read_setting(value) for name, value in options.items()}
    paths = [str(PROJECT / file) for file in files]
    with quietly(folder):
        workflow = ConfigWorkflow(paths, logging_file=False, workflow_type="train", **settings)
        workflow.initialize()
        return workflow.parser.get_parsed_content(part or ("evaluator" if "evaluate" in command else "train#trainer"))


@contextlib.contextmanager
def quietly(folder: Path) -> Iterator[None]:
    """In a folder, without the messages of libraries."""
    before = Path.cwd()
    try:
        os.chdir(folder)
        with warnings.catch_warnings(), contextlib.redirect_stderr(io.StringIO()):
            warnings.simplefilter("ignore")
            yield
    finally:
        os.chdir(before)


def line_of(mistake: Mistake, folder: Path) -> str:
    """The error of the command, made in an empty folder, without the folder's name.

    Raises:
        RuntimeError: the command found nothing wrong.
    """
    from common.errors import InputError, root_cause

    write_cohort(folder)
    mistake.change(folder)
    try:
        begin(mistake.command, folder)
    except Exception as error:
        if isinstance(cause := root_cause(error), InputError):
            return str(cause).replace(f"{folder}{os.sep}", "").replace(str(PROJECT), ".")
        raise
    raise RuntimeError(f"{mistake.title}: the command found nothing wrong")


def correct(mistake: Mistake, folder: Path) -> None:
    """Type the remedy after the mistake, and then, where it corrects the data, the command again.

    Raises:
        InputError: the mistake is still there.
    """
    if mistake.remedy.startswith("python -m monai.bundle"):
        begin(mistake.remedy, folder)
        return
    program, script, *words = shlex.split(mistake.remedy)
    if script.startswith("scripts/"):
        run_script(script, words, folder)
    else:
        command = mistake.remedy.replace(program, shlex.quote(sys.executable), 1)
        subprocess.run(command, shell=True, cwd=folder, check=True)
    begin(mistake.command, folder)


def run_script(script: str, words: list[str], folder: Path) -> None:
    """Run a script of the project in this process."""
    before = sys.argv
    sys.argv = [script, *words]
    try:
        with quietly(folder), contextlib.redirect_stdout(io.StringIO()):
            runpy.run_path(str(PROJECT / script), run_name="__main__")
    finally:
        sys.argv = before


def section(mistake: Mistake) -> str:
    """A section of the page."""
    with TemporaryDirectory() as folder:
        line = line_of(mistake, Path(folder).resolve())
    return (
        f"## {mistake.title}\n\n```text\n$ {_broken(mistake.command)}\nerror: {line}\n```\n\n"
        f"{mistake.advice}:\n\n```bash\n{_broken(mistake.remedy)}\n```\n"
    )


def _broken(command: str) -> str:
    """A long command on several lines."""
    for option in (" --config_file", " --dataset_dir"):
        command = command.replace(option, f" \\\n   {option}")
    return command


def page() -> str:
    """The page."""
    return "\n".join([HEADER, *map(section, MISTAKES)])


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
